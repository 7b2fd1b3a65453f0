import { expect } from 'bun:test';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { asUser, asUserGap } from '../../support/as-user.ts';
import { testNeeding } from '../../support/requirement.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const PROGRAM = resolve(import.meta.dir, '../../support/find-program.ts');
const bound = testNeeding('artifacts that a user may not read', asUserGap());

bound('a file that may not be read is told, and so are folders that may not be looked into', () => {
  using folder = tempFolder();
  for (const name of ['closed', 'names-only', 'open']) {
    mkdirSync(join(folder.path, name));
    writeFileSync(join(folder.path, name, 'file'), '');
  }
  chmodSync(join(folder.path, 'open/file'), 0);
  chmodSync(join(folder.path, 'closed'), 0);
  chmodSync(join(folder.path, 'names-only'), 0o444);
  const { stdout, stderr } = asUser(PROGRAM, ['*/*', folder.path]);
  chmodSync(join(folder.path, 'closed'), 0o700);
  chmodSync(join(folder.path, 'names-only'), 0o700);
  expect([stderr, JSON.parse(stdout)]).toEqual([
    '',
    {
      matches: ['open/file'],
      closed: [join(folder.path, 'closed'), join(folder.path, 'names-only')],
      problems: ['artifact open/file cannot be read (EACCES)'],
    },
  ]);
});
