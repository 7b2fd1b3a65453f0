import { AppError } from '../../lib/errors.ts';

export interface MetadataEndpoint {
  /** `http://host` or `http://host:port`, without a slash at the end. */
  readonly origin: string;
  /** One of the two addresses at which EC2 itself answers. A supervisor arms itself with no other. */
  readonly linkLocal: boolean;
}

const LINK_LOCAL = /^http:\/\/(?:169\.254\.169\.254|\[fd00:ec2::254\])\/?$/;
const BYTE = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const LOOPBACK = new RegExp(`^http://(?:127(?:\\.${BYTE}){3}|\\[::1\\])(?::\\d{1,5})?/?$`);

/**
 * The address of a metadata service, or undefined. It is compared letter by letter: other spellings of the same address
 * (`http://2852039166`), names that a resolver would have to be asked for, ports and user names are not taken.
 */
export function readMetadataEndpoint(text: string): MetadataEndpoint | undefined {
  const linkLocal = LINK_LOCAL.test(text);
  if (!linkLocal && !(LOOPBACK.test(text) && URL.canParse(text))) return undefined;
  return { origin: text.replace(/\/$/, ''), linkLocal };
}

/** As `readMetadataEndpoint`; throws `AppError` (CONFIG) for what is no address of a metadata service. */
export function requireMetadataEndpoint(text: string): MetadataEndpoint {
  const endpoint = readMetadataEndpoint(text);
  if (endpoint !== undefined) return endpoint;
  throw new AppError('CONFIG', `"${text}" is not the address of a metadata service`, {
    hint: 'write http://169.254.169.254, http://[fd00:ec2::254], or a loopback address such as http://127.0.0.1:1338',
  });
}
