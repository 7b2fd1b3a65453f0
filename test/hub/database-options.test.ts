import { expect, test } from 'bun:test';
import { databaseAddress } from '../../src/hub/database-options.ts';
import { tempFolder } from '../support/temp-folder.ts';

const reveal = async (...given: Parameters<typeof databaseAddress>) => (await databaseAddress(...given))?.reveal();

test('without an address there is none; the flag goes before the variable', async () => {
  expect(await reveal({}, {})).toBeUndefined();
  expect(await reveal({}, { PWAGENT_DATABASE_URL: '' })).toBeUndefined();
  expect(await reveal({}, { PWAGENT_DATABASE_URL: 'postgres://u:p@h/d' })).toBe('postgres://u:p@h/d');
  const env = { PWAGENT_DATABASE_URL: 'postgres://u:p@h/d' };
  expect(await reveal({ database: 'postgresql://u@other:5433/d?sslmode=require' }, env)).toBe(
    'postgresql://u@other:5433/d?sslmode=require',
  );
});

test('the password comes from a file, whatever is in it, and shows nowhere', async () => {
  using folder = tempFolder();
  const databasePasswordFile = `${folder.path}/password`;
  await Bun.write(databasePasswordFile, 'p@ss/w:rd%\n');
  const address = await databaseAddress({ database: 'postgres://u@h/d', databasePasswordFile }, {});
  expect(decodeURIComponent(new URL(address?.reveal() ?? '').password)).toBe('p@ss/w:rd%');
  expect(String(address)).toBe('***');
});

test.each([
  ['a password among the arguments', { database: 'postgres://u:s3cr3t@h/d' }, {}, 'USAGE', /every user can read/],
  ['another kind of database', { database: 'mysql://h/d' }, {}, 'USAGE', /^--database is not/],
  ['no name of a database', { database: 'postgres://h/' }, {}, 'USAGE', /^--database is not/],
  ['a variable that is no address', {}, { PWAGENT_DATABASE_URL: 'x' }, 'USAGE', /^PWAGENT_DATABASE_URL is not/],
  ['a password for nothing', { databasePasswordFile: '/x' }, {}, 'USAGE', /without a database/],
  ['a missing file', { database: 'postgres://h/d', databasePasswordFile: '/nowhere' }, {}, 'CONFIG', /ENOENT/],
] as const)('%s is refused', async (_title, flags, env, code, message) => {
  const error = await databaseAddress(flags, env).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.any(String) });
  expect(String(error)).not.toContain('s3cr3t');
});
