import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, rootCertificates } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { AppError } from '../lib/errors.ts';
import type { Endpoint } from './endpoint.ts';

/** Certificate chain and private key of a server, as PEM text. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Extra roots from the file that `SSL_CERT_FILE` names, as Go programs of this protocol read it. */
export function rootsFrom(certFile: string | undefined): string[] {
  if (certFile === undefined || certFile === '') return [...rootCertificates];
  const hint = 'SSL_CERT_FILE must name a readable file of PEM certificates';
  let own: string;
  try {
    own = readFileSync(certFile, 'utf8');
  } catch (error) {
    throw new AppError('CONFIG', `${certFile} cannot be read`, { hint, cause: error });
  }
  if (!own.includes('-----BEGIN CERTIFICATE-----')) {
    throw new AppError('CONFIG', `${certFile} holds no PEM certificate`, { hint });
  }
  return [...rootCertificates, own];
}

/** What a channel needs for its connection: credentials, and options of the gRPC library that go with them. */
interface ChannelSecurity {
  readonly credentials: grpc.ChannelCredentials;
  readonly options: grpc.ChannelOptions;
}

/** Clear text for `http://` and `unix:`, else TLS 1.3 or newer against `roots` (PEM). */
export function clientSecurity(endpoint: Endpoint, roots: readonly string[]): ChannelSecurity {
  if (!endpoint.tls) return { credentials: grpc.credentials.createInsecure(), options: {} };
  const context = createSecureContext({ ca: [...roots], minVersion: 'TLSv1.3' });
  const host = endpoint.target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0) return { credentials: grpc.credentials.createFromSecureContext(context), options: {} };
  // The library would send the IP address as server name, which RFC 6066 forbids and the runtime refuses: another
  // name is sent instead, and the certificate is still checked against the address.
  const credentials = grpc.credentials.createFromSecureContext(context, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
  return { credentials, options: { 'grpc.ssl_target_name_override': 'localhost' } };
}

/** Clear text without a certificate, else TLS. Throws `AppError` (CONFIG) when certificate and key do not fit. */
export function serverCredentials(certificate: ServerCertificate | undefined): grpc.ServerCredentials {
  if (certificate === undefined) return grpc.ServerCredentials.createInsecure();
  const cert_chain = Buffer.from(certificate.certificate);
  const private_key = Buffer.from(certificate.key);
  try {
    createSecureContext({ cert: cert_chain, key: private_key });
  } catch (error) {
    throw new AppError('CONFIG', 'the TLS certificate and key do not fit together', {
      hint: 'give a PEM certificate chain with --tls-cert and its own key with --tls-key',
      cause: error,
    });
  }
  return grpc.ServerCredentials.createSsl(null, [{ cert_chain, private_key }], false);
}
