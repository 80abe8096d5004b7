/** How a process is told where the object store is: a bucket, or a folder on one machine. */
import type { S3ObjectStoreOptions } from '@mosaic-cluster/store';
import type { ConfigOf } from '@mosaic-cluster/runtime';
import { faultsOf } from './pem.ts';

const FOLDER = 'folder:';

/** Settings of the object store. */
export const objectSettings = {
  objects: {
    name: 'MOSAIC_OBJECTS',
    type: 'string',
    pattern: 's3|folder:.+',
    allowed: 's3, or folder: and a path like folder:/srv/mosaic',
    default: 's3',
    doc: 'Where records are kept: in a bucket, or in a folder that all processes share, for a cluster on one machine.',
  },
  s3Bucket: {
    name: 'MOSAIC_S3_BUCKET',
    type: 'string',
    lengthMax: 255,
    optional: true,
    doc: 'The bucket. It must exist.',
  },
  s3Region: {
    name: 'MOSAIC_S3_REGION',
    type: 'string',
    lengthMax: 64,
    default: 'us-east-1',
    doc: 'Its region.',
  },
  s3Endpoint: {
    name: 'MOSAIC_S3_ENDPOINT',
    type: 'url',
    optional: true,
    doc: "Where the S3 server is, if it is not Amazon's.",
  },
  s3PathStyle: {
    name: 'MOSAIC_S3_PATH_STYLE',
    type: 'boolean',
    optional: true,
    doc: 'Whether the bucket stands in the path and not in the host name. By default with MOSAIC_S3_ENDPOINT.',
  },
  s3Prefix: {
    name: 'MOSAIC_S3_PREFIX',
    type: 'string',
    pattern: '([A-Za-z0-9_-][A-Za-z0-9._-]*/)+',
    allowed: 'letters, digits and ._-/ that end in a slash, like mosaic/',
    lengthMax: 256,
    optional: true,
    doc: 'What all keys begin with, where the bucket is shared with others.',
  },
  s3AccessKeyId: {
    name: 'MOSAIC_S3_ACCESS_KEY_ID',
    type: 'string',
    optional: true,
    doc: "The access key. By default the usual chain of Amazon's clients: AWS_… variables, shared files, web identity, the machine's role.",
  },
  s3SecretAccessKey: {
    name: 'MOSAIC_S3_SECRET_ACCESS_KEY',
    type: 'secret',
    optional: true,
    doc: 'Its secret.',
  },
} as const;

/** What the settings of the object store amount to. */
export type ObjectConfig = ConfigOf<typeof objectSettings>;

/** The folder that is the object store; undefined: it is a bucket. */
export function objectFolder({ objects }: ObjectConfig): string | undefined {
  return objects.startsWith(FOLDER) ? objects.slice(FOLDER.length) : undefined;
}

/** What is wrong with settings that are well formed, each by itself; sentences. */
export function objectProblems(config: ObjectConfig): string[] {
  const { s3Bucket, s3AccessKeyId, s3SecretAccessKey } = config;
  const isFolder = objectFolder(config) !== undefined;
  return faultsOf(
    !isFolder && s3Bucket === undefined
      ? 'MOSAIC_S3_BUCKET is not set: name the bucket, or set MOSAIC_OBJECTS=folder:/path for a cluster on one machine.'
      : undefined,
    isFolder && s3Bucket !== undefined
      ? 'MOSAIC_S3_BUCKET is set, and MOSAIC_OBJECTS names a folder: keep one of them.'
      : undefined,
    (s3AccessKeyId === undefined) === (s3SecretAccessKey === undefined)
      ? undefined
      : 'MOSAIC_S3_ACCESS_KEY_ID and MOSAIC_S3_SECRET_ACCESS_KEY belong together: set both, or neither for the usual chain.',
  );
}

/** What the bucket's store is told of the settings. */
export function bucketOptions(config: ObjectConfig): S3ObjectStoreOptions {
  const { s3AccessKeyId, s3SecretAccessKey } = config;
  return {
    bucket: config.s3Bucket ?? '',
    region: config.s3Region,
    endpoint: config.s3Endpoint?.href,
    pathStyle: config.s3PathStyle,
    ...(s3AccessKeyId !== undefined &&
      s3SecretAccessKey !== undefined && {
        credentials: { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey.reveal() },
      }),
  };
}
