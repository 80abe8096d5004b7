/** What tools need of the embedded server's data folder, without the server. */
export { type ServerControl, serverControl } from './control-client.ts';
export { type DataFolderView, viewDataFolder } from './data-folder.ts';
export { lockFolder, lockHolder, type ProcessLock } from './process-lock.ts';
export { layIndexReady, reindexFolder, takeOverIndex } from './rebuilt-index.ts';
