import { mkdirSync, writeFileSync } from 'node:fs';
import { Staging } from '../../src/agent/cache/staging.ts';
import { openFileLocks } from '../../src/platform/file-lock.ts';

/** Puts a folder with the file `new` in the place of the folder that the argument names. */
const [target = ''] = process.argv.slice(2);
const staging = new Staging([], openFileLocks());
const fresh = staging.place(target);
mkdirSync(fresh);
writeFileSync(`${fresh}/new`, 'new');
staging.commit();
await staging.clean();
