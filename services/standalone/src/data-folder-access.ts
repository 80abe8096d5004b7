/** What tools need of the embedded server's data folder, without the server. */
export { type DataFolderView, viewDataFolder } from './data-folder.ts';
export { lockFolder, type ProcessLock } from './process-lock.ts';
