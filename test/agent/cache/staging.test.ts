import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimNames, clearLeftovers } from '../../../src/agent/cache/leftovers.ts';
import { Staging } from '../../../src/agent/cache/staging.ts';
import { openFileLocks } from '../../../src/platform/file-lock.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const locks = openFileLocks();

/** A folder `target` with an old file, and new content for it in the making. */
function begin(folder: string, precious: string[] = []) {
  const target = join(folder, 'target');
  mkdirSync(join(target, 'sub'), { recursive: true });
  writeFileSync(join(target, 'old'), 'old');
  writeFileSync(join(target, 'sub/same'), 'old');
  const staging = new Staging(precious, locks);
  const fresh = staging.place(target);
  mkdirSync(join(fresh, 'sub'), { recursive: true });
  writeFileSync(join(fresh, 'new'), 'new');
  writeFileSync(join(fresh, 'sub/same'), 'new');
  return { target, staging, fresh };
}

describe('new content of a folder', () => {
  test('takes the place of the old one as a whole, and nothing is left beside', async () => {
    using folder = tempFolder();
    const { target, staging, fresh } = begin(folder.path);
    expect(staging.place(target)).toBe(fresh);
    staging.commit();
    await staging.clean();
    expect([readdirSync(folder.path), readdirSync(target).sort()]).toEqual([['target'], ['new', 'sub']]);
  });

  test('is added where the folder holds one that no cache may take away', async () => {
    using folder = tempFolder();
    const { target, staging } = begin(folder.path, [join(folder.path, 'target/sub')]);
    staging.commit();
    await staging.clean();
    expect([readdirSync(folder.path), readdirSync(target).sort()]).toEqual([['target'], ['new', 'old', 'sub']]);
    expect(readFileSync(join(target, 'sub/same'), 'utf8')).toBe('new');
  });

  test('that was not committed leaves everything as it was', async () => {
    using folder = tempFolder();
    const { target, staging } = begin(folder.path);
    await staging.clean();
    expect([readdirSync(folder.path), readdirSync(target).sort()]).toEqual([['target'], ['old', 'sub']]);
    expect(readFileSync(join(target, 'sub/same'), 'utf8')).toBe('old');
  });

  test('of several folders: when one cannot be put in place, all stay as they were', async () => {
    using folder = tempFolder();
    const { target, staging } = begin(folder.path);
    const other = join(folder.path, 'gone/other');
    const fresh = staging.place(other);
    mkdirSync(fresh);
    mkdirSync(other);
    // content where it is to be put away: the exchange of this one fails
    mkdirSync(`${fresh.slice(0, -'new'.length)}old/full`, { recursive: true });
    expect(() => staging.commit()).toThrow();
    await staging.clean();
    expect([readdirSync(target).sort(), readdirSync(other)]).toEqual([['old', 'sub'], []]);
    expect(readFileSync(join(target, 'sub/same'), 'utf8')).toBe('old');
  });
});

describe('what a killed restore has left', () => {
  test('goes at the next one; a restore that is at work keeps its own', async () => {
    using folder = tempFolder();
    const dead = join(folder.path, '.pwagent-cache-0123456789ab');
    for (const end of ['-new', '-old', '']) mkdirSync(`${dead}${end}/deep`, { recursive: true });
    writeFileSync(`${dead}-lock`, '');
    writeFileSync(join(folder.path, 'own'), '');
    const claim = claimNames(folder.path, locks);
    mkdirSync(`${claim?.path}-new`);
    await clearLeftovers(folder.path, locks);
    const base = claim?.path.slice(folder.path.length + 1);
    expect(readdirSync(folder.path).sort()).toEqual([`${base}-lock`, `${base}-new`, 'own'].sort());
    claim?.release();
    await clearLeftovers(folder.path, locks);
    expect(readdirSync(folder.path)).toEqual(['own']);
  });

  test('what a link leads to stays', async () => {
    using folder = tempFolder();
    mkdirSync(join(folder.path, 'elsewhere'));
    writeFileSync(join(folder.path, 'elsewhere/file'), '');
    symlinkSync(join(folder.path, 'elsewhere'), join(folder.path, '.pwagent-cache-0123456789ab-old'));
    await clearLeftovers(folder.path, locks);
    expect(readdirSync(folder.path)).toEqual(['elsewhere']);
    expect(existsSync(join(folder.path, 'elsewhere/file'))).toBe(true);
  });

  test('a folder that is not there has none', async () => {
    using folder = tempFolder();
    await clearLeftovers(join(folder.path, 'none'), locks);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
