/** What certificates can lack, as the runtime words it, and what it means for people. The first that fits counts. */
const CERTIFICATE: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [/altname/i, 'the certificate of the server is for another name'],
  [/expired/i, 'the certificate of the server has expired'],
  [/not yet valid/i, 'the certificate of the server is not valid yet'],
  [/certificate|CERT_|issuer/i, 'the certificate of the server is not trusted'],
];

const REMEDY: Readonly<Record<string, string>> = {
  'the certificate of the server is for another name': 'use the name that it was made for as endpoint',
  'the certificate of the server has expired': 'renew it, or set the clock of this machine',
  'the certificate of the server is not valid yet': 'set the clock of this machine',
  'the certificate of the server is not trusted': 'set SSL_CERT_FILE to a file with its issuer',
};

const OTHERS: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [/WRONG_VERSION_NUMBER/, 'the server does not speak TLS there; use http:// if it is meant to be in clear text'],
  [/before secure TLS/i, 'the server closes the connection before TLS begins; is something else listening there?'],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/, 'the server offers no TLS 1.3'],
  [/^Failed to connect \(/, 'the server is there, but speaks no gRPC in clear text; use https:// if it wants TLS'],
  [/EMFILE|ENFILE/, 'too many files are open; raise the limit of this process (ulimit -n)'],
];

/**
 * What the gRPC library says about a call that found no connection, in words for people: it wraps the reason in its own.
 * Anything else is returned as it is.
 */
export function explainFailure(details: string): string {
  if (/Waiting for LB pick/.test(details)) return 'the server does not answer: no connection came about in time';
  if (/^Deadline exceeded/i.test(details)) return 'the server does not answer in time';
  const unknown = /^Name resolution failed for target (?:dns:)?(.*?)(?::\d+)?$/.exec(details)?.[1];
  if (unknown !== undefined) return `no machine is known by the name ${unknown}`;
  const reason = /Last error: (.*?)\.? Resolution note:/s.exec(details)?.[1]?.replace(/^Error(?: \[\w+\])?: /, '');
  if (reason === undefined) return details;
  const certificate = CERTIFICATE.find(([pattern]) => pattern.test(reason))?.[1];
  if (certificate !== undefined) return `${certificate} (${reason.trim()}); ${REMEDY[certificate]}`;
  const other = OTHERS.find(([pattern]) => pattern.test(reason))?.[1];
  return other === undefined ? `no connection (${reason.trim()})` : `no connection: ${other}`;
}
