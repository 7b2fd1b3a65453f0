import { readFileSync } from 'node:fs';
import { AppError } from '../lib/errors.ts';
import { errnoOf } from '../platform/files.ts';

export const DEFAULT_CONFIG = '/etc/pwagent/pwagent.yml';
const DEFAULT_SOCKET = '/var/run/pwagent.sock';

/** The socket that a configuration file names. The supervisor checked the rest of it; only this key is read here. */
export async function socketOf(file: string, explicit: boolean): Promise<string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const errno = errnoOf(error) ?? String(error);
    if (!explicit && errno === 'ENOENT') return DEFAULT_SOCKET;
    const what = errno === 'ENOENT' ? 'there is no such file' : `cannot be read (${errno})`;
    throw new AppError(errno === 'EACCES' ? 'NO_PERMISSION' : 'CONFIG', what, {
      place: { file },
      hint: 'name the socket with --socket',
      cause: error,
    });
  }
  if (!/\bcontrol\b/.test(text)) return DEFAULT_SOCKET; // most files: no YAML parser needed
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { logLevel: 'silent' });
  const socket: unknown = document.errors.length > 0 ? undefined : document.getIn(['control', 'socket']);
  if (document.errors.length > 0) {
    throw new AppError('CONFIG', 'is not valid YAML', { place: { file }, hint: 'pwagent run tells line and column' });
  }
  return typeof socket === 'string' ? socket : DEFAULT_SOCKET;
}
