import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates } from 'node:tls';
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
  try {
    return [...rootCertificates, readFileSync(certFile, 'utf8')];
  } catch (error) {
    const hint = 'SSL_CERT_FILE must name a readable file of PEM certificates';
    throw new AppError('CONFIG', `${certFile} cannot be read`, { hint, cause: error });
  }
}

/** Clear text for `http://` and `unix:`, else TLS 1.3 or newer against `roots` (PEM). */
export function clientCredentials(endpoint: Endpoint, roots: readonly string[]): grpc.ChannelCredentials {
  if (!endpoint.tls) return grpc.credentials.createInsecure();
  return grpc.credentials.createFromSecureContext(createSecureContext({ ca: [...roots], minVersion: 'TLSv1.3' }));
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
