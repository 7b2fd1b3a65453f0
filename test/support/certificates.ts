import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerCertificate } from '../../src/rpc/tls.ts';

/**
 * Certificates for tests alone, valid from 2020 to 2099; their keys are public. `authority` signed `loopback` (localhost,
 * 127.0.0.1, ::1) and `elsewhere` (elsewhere.invalid); `stranger` (localhost, 127.0.0.1) signed itself, and so did
 * `expired` (valid until 2021) and `future` (valid from 2090).
 */
type Name = 'loopback' | 'elsewhere' | 'stranger' | 'expired' | 'future';

const FOLDER = join(import.meta.dir, 'certs');

/** File of the authority that clients shall trust, as SSL_CERT_FILE names it. */
export const AUTHORITY_FILE = join(FOLDER, 'authority.pem');

export function certificate(name: Name): ServerCertificate {
  const read = (suffix: string) => readFileSync(join(FOLDER, `${name}.${suffix}`), 'utf8');
  return { certificate: read('pem'), key: read('key.pem') };
}

/** The file and key of `certificate(name)`, for flags. */
export function certificateFiles(name: Name): { readonly certificate: string; readonly key: string } {
  return { certificate: join(FOLDER, `${name}.pem`), key: join(FOLDER, `${name}.key.pem`) };
}
