import { nameOfBytes } from '../../../lib/raw-name.ts';
import { brokenTar, paxRecords } from '../../../lib/tar-fields.ts';

/** What pax headers and GNU's long names say of the entry that follows them. */
export interface Extension {
  path?: string;
  linkTarget?: string;
  sizeBytes?: number;
  uid?: number;
  gid?: number;
  modifiedS?: number;
  /** Size of a sparse file on disk. */
  realSizeBytes?: number;
  /** Where the map of a sparse file is: GNU's formats 0.0 and 0.1, or 1.0. */
  sparse?: { readonly tag: 'in header'; readonly numbers: number[] } | { readonly tag: 'in content' };
}

export function noExtension(): Extension {
  return {};
}

function number(value: string): number {
  const parsed = value === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(parsed)) throw brokenTar('has a broken pax header');
  return parsed;
}

type NumberKey = 'sizeBytes' | 'uid' | 'gid' | 'modifiedS' | 'realSizeBytes';

const NUMBERS: Readonly<Record<string, NumberKey>> = {
  size: 'sizeBytes',
  uid: 'uid',
  gid: 'gid',
  mtime: 'modifiedS',
  'GNU.sparse.size': 'realSizeBytes',
  'GNU.sparse.realsize': 'realSizeBytes',
};

function addRun(extension: Extension, text: string): void {
  const numbers = extension.sparse?.tag === 'in header' ? extension.sparse.numbers : [];
  numbers.push(number(text));
  extension.sparse = { tag: 'in header', numbers };
}

function takeSparse(extension: Extension, key: string, text: string): void {
  if (key === 'offset' || key === 'numbytes') addRun(extension, text);
  if (key === 'map') extension.sparse = { tag: 'in header', numbers: text === '' ? [] : text.split(',').map(number) };
  if (key !== 'major' || text === '0') return;
  if (text !== '1') throw brokenTar(`has a sparse file of the unknown format ${text.slice(0, 20)}`);
  extension.sparse = { tag: 'in content' };
}

/** Adds the records of a pax header to what is known of the next entry. Throws `AppError`. */
export function takePax(extension: Extension, body: Uint8Array): Extension {
  const taken = { ...extension };
  let sparseName: string | undefined;
  for (const [key, value] of paxRecords(body)) {
    if (key === 'path') taken.path = nameOfBytes(value);
    else if (key === 'linkpath') taken.linkTarget = nameOfBytes(value);
    else if (key === 'GNU.sparse.name') sparseName = nameOfBytes(value);
    else if (NUMBERS[key] !== undefined) taken[NUMBERS[key]] = number(nameOfBytes(value));
    else if (key.startsWith('GNU.sparse.')) takeSparse(taken, key.slice('GNU.sparse.'.length), nameOfBytes(value));
  }
  if (sparseName !== undefined) taken.path = sparseName; // `path` is only a stand-in then
  return taken;
}
