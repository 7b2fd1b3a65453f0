import { ALGORITHM, basicTime, canonicalQuery, type SigningCredentials, scopeOf, signatureOf } from './sigv4.ts';

/** A request to S3 that somebody else shall make. */
export interface Presignable {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query of the address; the path must need no encoding. */
  readonly url: string;
  /** The request must have exactly so many bytes; undefined leaves that open. */
  readonly contentLength?: number | undefined;
  readonly region: string;
  readonly expiresSeconds: number;
}

/**
 * The address with its permission in the query ("Authenticating Requests: Using Query Parameters", S3 API reference).
 * `atMs` is the time by the service's clock.
 */
export function presignUrl(request: Presignable, credentials: SigningCredentials, atMs: number): string {
  const { method, contentLength, region, expiresSeconds } = request;
  const url = new URL(request.url);
  const time = basicTime(atMs);
  const headers = [
    ...(contentLength === undefined ? [] : [['content-length', String(contentLength)]]),
    ['host', url.host],
  ];
  const names = headers.map(([name]) => name).join(';');
  const token = credentials.sessionToken?.reveal();
  const parameters = {
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${credentials.accessKeyId}/${scopeOf(time.slice(0, 8), region, 's3')}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(expiresSeconds),
    'X-Amz-SignedHeaders': names,
    ...(token === undefined ? {} : { 'X-Amz-Security-Token': token }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const query = canonicalQuery(url);
  const canonical = [method, url.pathname, query, lines, names, 'UNSIGNED-PAYLOAD'].join('\n');
  const signature = signatureOf(canonical, { time, region, service: 's3' }, credentials);
  return `${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature}`;
}
