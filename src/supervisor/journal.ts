import { createHash } from 'node:crypto';
import { chmod, mkdir, open, rename, stat } from 'node:fs/promises';
import { z } from 'zod';
import { errnoOf, writeFileAtomically } from '../platform/files.ts';

const VERSION = 1;

const ageMs = z.number().finite();
const rule = z.enum(['drain', 'worker-death', 'hung-worker', 'unusable-worker', 'used-up', 'notice', 'operator']);
const ending = z.strictObject({ rule, why: z.string(), sinceAgeMs: ageMs }).nullable();

const entrySchema = z.strictObject({
  /** Name of this life, from which the jitter comes: the instance's id where there is one, else a random one. */
  lifeId: z.string().min(1),
  /** Of the instance that this life belongs to; null as long as none is known. */
  instanceId: z.string().nullable().default(null),
  /** From what the age counts: see `Origin`. */
  origin: z.enum(['start', 'boot', 'launch']).default('start'),
  /** How long after the launch of the instance the life began: more than 0 after its root volume was replaced. */
  afterLaunchMs: z.number().finite().nullable().default(null),
  /** What the Name tag of that instance said, so that a restart without its metadata service keeps the name. */
  named: z.strictObject({ instanceId: z.string(), name: z.string() }).nullable().default(null),
  /** It was found that no metadata service answers here. */
  settledNone: z.boolean().default(false),
  withdrawn: z.boolean().default(false),
  notice: z.strictObject({ what: z.string(), dueAgeMs: ageMs.nullable() }).nullable().default(null),
  finishedTasks: z.number().int().nonnegative().default(0),
  dirty: z.string().nullable().default(null),
  urgent: z.boolean().default(false),
  mark: z.strictObject({ ageMs, continuousMs: z.number().finite(), bootId: z.string(), wallMs: z.number().finite() }),
  /** The part of the age that is certain, as long as nobody but a wall clock told how long the machine was off. */
  certainAgeMs: ageMs.nullable().default(null),
  limits: z.strictObject({ lifetimeMs: ageMs, idleAfterMs: ageMs, hardCapMs: ageMs }),
  servedAgeMs: ageMs.nullable(),
  ending,
  unusable: ending,
  /** The machine was told to end. */
  stopping: z.string().nullable(),
  attempts: z.number().int().nonnegative(),
  restartAgesMs: z.array(ageMs),
  /** The worker and what it had started when last seen: what a successor may end, and nothing else. */
  processes: z.array(z.strictObject({ pid: z.number().int().positive(), started: z.string() })),
});

/** What survives the supervisor. Ages are milliseconds since the life began. */
export type JournalEntry = z.output<typeof entrySchema>;

export type Loaded =
  /** There never was one. */
  | { readonly tag: 'absent' }
  | { readonly tag: 'found'; readonly entry: JournalEntry }
  | { readonly tag: 'spoiled'; readonly why: string };

function checksumOf(entry: unknown): string {
  return createHash('sha256').update(JSON.stringify(entry)).digest('hex');
}

function parse(text: string): JournalEntry | string {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return 'it is not complete';
  }
  const outer = z.object({ version: z.number(), checksum: z.string(), entry: z.unknown() }).safeParse(file).data;
  if (outer === undefined) return 'it is not a journal';
  if (outer.version !== VERSION) return `it has version ${outer.version}, not ${VERSION}`;
  const entry = entrySchema.safeParse(outer.entry).data;
  if (entry === undefined) return 'its content is not as it should be';
  return checksumOf(outer.entry) === outer.checksum ? entry : 'its checksum is wrong';
}

/** Whether this folder was used before: a journal that is missing then is a lost one. */
async function usedBefore(path: string): Promise<boolean> {
  try {
    return (await stat(recordsPathOf(path))).size > 0;
  } catch {
    return false; // nothing there, or nothing that could be asked: a first start
  }
}

/** The file with the records of decisions, beside the journal `path`. */
export function recordsPathOf(path: string): string {
  return `${path.replace(/\.json$/, '')}-records.jsonl`;
}

/** Reads the journal. Never rejects: what cannot be read or believed is `spoiled`. */
export async function loadJournal(path: string, ownUid: number): Promise<Loaded> {
  try {
    const handle = await open(path, 'r');
    try {
      const { uid, mode } = await handle.stat();
      if (uid !== ownUid && uid !== 0) return { tag: 'spoiled', why: `it belongs to user ${uid}` };
      if ((mode & 0o022) !== 0) return { tag: 'spoiled', why: 'others may write to it' };
      const entry = parse(await handle.readFile('utf8'));
      return typeof entry === 'string' ? { tag: 'spoiled', why: entry } : { tag: 'found', entry };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' && (await usedBefore(path))) return { tag: 'spoiled', why: 'it is gone' };
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return { tag: 'absent' };
    return { tag: 'spoiled', why: `it cannot be read (${errno ?? String(error)})` };
  }
}

/** Puts a journal aside that belongs to another instance. Rejects with the system's error. */
export async function putJournalAside(path: string, name: string): Promise<void> {
  const suffix = name.replace(/[^A-Za-z0-9-]/g, '_').slice(0, 64);
  await rename(path, `${path}.of-${suffix}`);
}

/** Makes the state folder where it is missing; 0700. Rejects with the system's error. */
export async function makeStateFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await chmod(path, 0o700);
}

/** Replaces the journal at one stroke. Rejects with the system's error. */
export async function saveJournal(path: string, entry: JournalEntry): Promise<void> {
  const file = { version: VERSION, checksum: checksumOf(entry), entry };
  await writeFileAtomically(path, `${JSON.stringify(file)}\n`);
}
