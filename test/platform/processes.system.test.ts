import { expect } from 'bun:test';
import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { asUser, asUserGap } from '../support/as-user.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const PROGRAM = resolve(import.meta.dir, '../support/start-program.ts');
const bound = testNeeding('programs in a folder that a user may not enter', asUserGap());

bound('the folder is blamed, not the program', () => {
  using folder = tempFolder();
  chmodSync(folder.path, 0o600);
  const { stdout } = asUser(PROGRAM, [folder.path]);
  chmodSync(folder.path, 0o700);
  expect(stdout).toBe(`this user may not enter the folder ${folder.path}; run chmod u+x ${folder.path} as its owner`);
});
