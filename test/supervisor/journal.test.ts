import { describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import {
  type JournalEntry,
  loadJournal,
  putJournalAside,
  recordsPathOf,
  saveJournal,
} from '../../src/supervisor/journal.ts';
import { JournalKeeper } from '../../src/supervisor/journal-keeper.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { recordingLog } from './recording-log.ts';

const uid = process.getuid?.() ?? 0;
const entry: JournalEntry = {
  lifeId: 'x',
  instanceId: null,
  origin: 'start',
  afterLaunchMs: null,
  named: null,
  settledNone: false,
  certainAgeMs: null,
  withdrawn: false,
  notice: null,
  finishedTasks: 0,
  dirty: null,
  urgent: false,
  mark: { ageMs: 1.5, continuousMs: 2.25, bootId: 'b', wallMs: 3 },
  limits: { lifetimeMs: 1, idleAfterMs: 2, hardCapMs: 3 },
  servedAgeMs: null,
  ending: { rule: 'drain', why: 'busy', sinceAgeMs: 4 },
  unusable: null,
  stopping: null,
  attempts: 0,
  restartAgesMs: [],
  processes: [{ pid: 7, started: '123' }],
};

test('what was saved is found again, in a file of its owner alone', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/journal.json`;
  await saveJournal(path, entry);
  expect(await loadJournal(path, uid)).toEqual({ tag: 'found', entry });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('none is no spoiled one', async () => {
  using folder = tempFolder();
  expect(await loadJournal(`${folder.path}/journal.json`, uid)).toEqual({ tag: 'absent' });
});

describe('a journal that cannot be believed', () => {
  test.each([
    ['empty', () => ''],
    ['cut', (text: string) => text.slice(0, -30)],
    ['another number', (text: string) => text.replace('"lifetimeMs":1', '"lifetimeMs":9')],
    ['a later version', (text: string) => text.replace('"version":1', '"version":2')],
    ['something else', () => '[]'],
  ])('%s', async (_title, spoil) => {
    using folder = tempFolder();
    const path = `${folder.path}/journal.json`;
    await saveJournal(path, entry);
    writeFileSync(path, spoil(readFileSync(path, 'utf8')));
    expect((await loadJournal(path, uid)).tag).toBe('spoiled');
  });

  test('others may write to it', async () => {
    using folder = tempFolder();
    const path = `${folder.path}/journal.json`;
    await saveJournal(path, entry);
    chmodSync(path, 0o620);
    expect(await loadJournal(path, uid)).toEqual({ tag: 'spoiled', why: 'others may write to it' });
  });

  test('a folder in its place', async () => {
    using folder = tempFolder();
    expect((await loadJournal(folder.path, uid)).tag).toBe('spoiled');
  });
});

describe('JournalKeeper', () => {
  test('keeps the newest', async () => {
    using folder = tempFolder();
    const { log } = recordingLog();
    let attempts = 0;
    const keeper = new JournalKeeper(folder.path, 'j', log, () => ({ ...entry, attempts }));
    void keeper.save();
    attempts = 5;
    await keeper.save();
    expect(await loadJournal(`${folder.path}/j`, uid)).toEqual({ tag: 'found', entry: { ...entry, attempts: 5 } });
  });

  test('a place that cannot be written is told once, and its return too', async () => {
    using folder = tempFolder();
    const { log, lines } = recordingLog();
    const blocked = `${folder.path}/state`;
    writeFileSync(blocked, 'a file where the folder should be');
    const keeper = new JournalKeeper(blocked, 'j', log, () => entry);
    await keeper.save();
    await keeper.save();
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
    await Bun.file(blocked).delete();
    await keeper.save();
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  });
});

test('A29 a journal that is gone although records stand beside its place is a lost one, not a first start', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/journal.json`;
  expect((await loadJournal(path, process.getuid?.() ?? 0)).tag).toBe('absent');
  await Bun.write(recordsPathOf(path), '{}\n');
  expect(await loadJournal(path, process.getuid?.() ?? 0)).toEqual({ tag: 'spoiled', why: 'it is gone' });
});

test('a journal of another instance is put aside, not lost', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/journal.json`;
  await Bun.write(path, 'old');
  await putJournalAside(path, '../i-1');
  expect(await Bun.file(`${path}.of-___i-1`).text()).toBe('old');
});
