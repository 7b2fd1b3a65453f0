import { AppError } from '../../lib/errors.ts';
import { type Presignable, presignUrl } from '../../platform/ec2/presign.ts';
import type { SigningCredentials } from '../../platform/ec2/sigv4.ts';
import type { DirectAccess, MultipartPart } from './blob-store.ts';

/** A place in an S3-compatible store. */
export interface S3Place {
  /** `https://host[:port]` without a slash at the end; undefined for Amazon's own in `region`. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Ends with a slash, or is empty; plain characters only. */
  readonly prefix: string;
}

/** `https://host/bucket`, where requests go. */
export function bucketUrl({ endpoint, region, bucket }: S3Place): string {
  return `${endpoint ?? `https://s3.${region}.amazonaws.com`}/${bucket}`;
}

/** Requests of the hub's own are made at once. */
const SOON_MS = 5 * 60_000;

const escaped = (text: string) => text.replace(/[<>&'"]/g, (c) => `&#${c.charCodeAt(0)};`);

function completion(parts: readonly MultipartPart[]): string {
  const each = parts.map(
    ({ part, etag }) => `<Part><PartNumber>${part}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload>${each.join('')}</CompleteMultipartUpload>`;
}

export interface S3DirectDeps {
  readonly place: S3Place;
  readonly credentials: SigningCredentials;
  readonly fetch: typeof fetch;
  /** Wall time; the store refuses what is minutes away from its own. */
  readonly wallMs: () => number;
}

/** Addresses at the store itself, signed by the hub, and multipart uploads that the store puts together. */
export function s3Direct({ place, credentials, fetch, wallMs }: S3DirectDeps): DirectAccess {
  const sign = (
    name: string,
    about: Pick<Presignable, 'method' | 'contentLength'> & { readonly query?: string; readonly lifeMs: number },
  ): string => {
    const { method, contentLength, query, lifeMs } = about;
    const url = `${bucketUrl(place)}/${place.prefix}${name}${query === undefined ? '' : `?${query}`}`;
    const expiresSeconds = Math.ceil(lifeMs / 1000);
    return presignUrl({ method, url, contentLength, region: place.region, expiresSeconds }, credentials, wallMs());
  };
  const ask = async (what: string, url: string, init: RequestInit): Promise<string> => {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(SOON_MS) }).catch(
      (error: unknown) => {
        throw new AppError('UNAVAILABLE', `the S3 store did not ${what}: ${String(error)}`, { cause: error });
      },
    );
    const text = await response.text();
    // a completion that fails late is answered with 200 and an error inside
    if (response.ok && !text.includes('<Error>')) return text;
    const why = /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1] ?? `status ${response.status}`;
    throw new AppError('UNAVAILABLE', `the S3 store did not ${what}: ${why}`);
  };
  return {
    put: (name, size, lifeMs) => sign(name, { method: 'PUT', contentLength: size, lifeMs }),
    get: (name, lifeMs) => sign(name, { method: 'GET', lifeMs }),
    async createMultipart(name) {
      const url = sign(name, { method: 'POST', query: 'uploads=', lifeMs: SOON_MS });
      const id = /<UploadId>([^<]+)<\/UploadId>/.exec(await ask('begin an upload', url, { method: 'POST' }))?.[1];
      if (id === undefined) throw new AppError('UNAVAILABLE', 'the S3 store gave no id for an upload');
      return id;
    },
    part: (name, remoteId, part, size, lifeMs) =>
      sign(name, {
        ...{ method: 'PUT', contentLength: size, lifeMs },
        query: `partNumber=${part}&uploadId=${encodeURIComponent(remoteId)}`,
      }),
    async commitMultipart(name, remoteId, parts) {
      const query = `uploadId=${encodeURIComponent(remoteId)}`;
      const url = sign(name, { method: 'POST', query, lifeMs: SOON_MS });
      await ask('put an upload together', url, { method: 'POST', body: completion(parts) });
    },
    async abortMultipart(name, remoteId) {
      const query = `uploadId=${encodeURIComponent(remoteId)}`;
      const response = await fetch(sign(name, { method: 'DELETE', query, lifeMs: SOON_MS }), { method: 'DELETE' });
      if (response.ok || response.status === 404) return; // it had ended already
      throw new AppError('UNAVAILABLE', `the S3 store did not end an upload: status ${response.status}`);
    },
  };
}
