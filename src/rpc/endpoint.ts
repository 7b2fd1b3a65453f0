import { AppError } from '../lib/errors.ts';

/** Where a server of the protocol is and whether the way there is encrypted. */
export interface Endpoint {
  /** The text as it was given; agents send it back in `org.cirruslabs.api-endpoint`. */
  readonly text: string;
  /** What the gRPC library dials: `host:port` or `unix:/path`. */
  readonly target: string;
  readonly tls: boolean;
}

/**
 * Reads an endpoint string: `http://host:port` and `unix:…` are clear text, `https://host:port` and a bare `host:port`
 * are TLS. Any letter case and a trailing slash are accepted, a path is refused; the port defaults to 80 or 443.
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:')) return { text, target: text, tls: false };
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  const shown = text.replace(/[^/]*@/, '***@'); // a password given by mistake must not reach a log
  const fail = (what: string) =>
    new AppError('CONFIG', `endpoint "${shown}" ${what}`, {
      hint: 'write it like http://127.0.0.1:7481 or https://hub.example:443',
    });
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw fail('is not an address');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fail(`has the unknown scheme ${url.protocol}//`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw fail('has a path, which gRPC cannot use');
  if (url.username !== '' || url.password !== '') throw fail('has credentials in it');
  const tls = url.protocol === 'https:';
  return { text, target: `${url.hostname}:${url.port || (tls ? 443 : 80)}`, tls };
}
