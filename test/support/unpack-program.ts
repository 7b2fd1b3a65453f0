import { readFileSync } from 'node:fs';
import { unpackTo } from './cache-archive.ts';

/** Restores the archive of the first argument to the folder of the second. */
const [archive = '', target = ''] = process.argv.slice(2);
await unpackTo(target, readFileSync(archive));
