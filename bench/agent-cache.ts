import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Left } from '../src/agent/cache/archive/left.ts';
import { packArchive } from '../src/agent/cache/archive/pack.ts';
import { extractArchive } from '../src/agent/cache/extract-archive.ts';
import { AppError } from '../src/lib/errors.ts';
import { openFileLocks } from '../src/platform/file-lock.ts';
import { type Outcome, type Row, rowOf } from './report.ts';

const ROUNDS = 5;

/** Files that are made besides the project's own dependencies, and the largest of those that are taken. */
const GENERATED = { folders: 150, filesEach: 100 };
const LARGEST_BYTES = 1 << 20;

/** A checkout with installed dependencies: this project's own, and generated sources. Gives its files and bytes. */
function makeTree(tree: string): { files: number; bytes: number } {
  const small = (path: string) => !(lstatSync(path).isFile() && lstatSync(path).size > LARGEST_BYTES);
  cpSync(resolve(import.meta.dir, '../node_modules'), join(tree, 'node_modules'), { recursive: true, filter: small });
  for (let index = 0; index < GENERATED.folders; index += 1) {
    const folder = join(tree, 'src', `module-${index}`);
    mkdirSync(folder, { recursive: true });
    for (let number = 0; number < GENERATED.filesEach; number += 1) {
      const line = `export const value${number} = ${Math.sin(index * 100 + number)};\n`;
      writeFileSync(join(folder, `part-${number}.ts`), line.repeat(1 + ((index * 7 + number * 13) % 200)));
    }
  }
  let [files, bytes] = [0, 0];
  for (const name of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    const stats = lstatSync(join(tree, name));
    if (stats.isFile()) [files, bytes] = [files + 1, bytes + stats.size];
  }
  return { files, bytes };
}

async function shell(command: string, cwd: string): Promise<void> {
  const child = Bun.spawn(['sh', '-ec', command], { cwd, stdout: 'ignore', stderr: 'inherit' });
  const code = await child.exited;
  if (code !== 0) throw new AppError('JOB_FAILED', `\`${command}\` ended with ${code}`);
}

async function save(folder: string, signal: AbortSignal): Promise<void> {
  const roots = [{ folder: 'tree', match: '', path: join(folder, 'tree') }];
  const file = await open(join(folder, 'ours'), 'w');
  for await (const chunk of packArchive(roots, new Left(), signal)) await file.write(chunk);
  await file.close();
}

async function restore(folder: string, target: string, signal: AbortSignal): Promise<void> {
  let bytes = 0;
  async function* chunks() {
    for await (const chunk of Bun.file(join(folder, 'ours')).stream()) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  const folders = [{ declared: 'tree', path: target, isPattern: false }];
  const plan = {
    folders,
    workingFolder: folder,
    precious: [],
    hashes: false,
    left: new Left(),
    locks: openFileLocks(),
  };
  await extractArchive(chunks(), () => bytes, plan, signal);
}

type Way = 'ours' | 'tar | zstd -T0' | 'tar | gzip';
type Work = (target: string) => Promise<void>;

/** Each way once in each round, another one first each time, so that what else the machine does meets all of them. */
async function rounds(ways: Readonly<Record<Way, Work>>, folder: string, signal: AbortSignal) {
  const samples: Record<Way, number[]> = { ours: [], 'tar | zstd -T0': [], 'tar | gzip': [] };
  const names = Object.keys(ways) as Way[];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let index = 0; index < names.length; index += 1) {
      signal.throwIfAborted();
      const name = names[(round + index) % names.length] ?? 'ours';
      const target = join(folder, 'restored');
      rmSync(target, { recursive: true, force: true });
      const start = performance.now();
      await ways[name](target);
      samples[name].push((performance.now() - start) / 1_000);
    }
  }
  return samples;
}

function rows(what: string, samples: Readonly<Record<Way, number[]>>, goalOfGzip: number): Row[] {
  const share = (of: Way) => samples.ours.map((ours, round) => ours / (samples[of][round] ?? Number.NaN));
  return [
    ...(Object.keys(samples) as Way[]).map((way) => rowOf(`${what}, ${way}`, 's', samples[way])),
    rowOf(`${what}, ours as a share of tar | gzip in the same round`, '×', share('tar | gzip'), { goal: goalOfGzip }),
    rowOf(`${what}, ours as a share of tar | zstd -T0 in the same round`, '×', share('tar | zstd -T0'), { goal: 1.1 }),
  ];
}

/** Saving and restoring a cache, against the programs of the machine. */
export async function agentCache(folder: string, signal: AbortSignal): Promise<Outcome> {
  const missing = ['tar', 'gzip', 'zstd'].find((program) => Bun.which(program) === null);
  if (missing !== undefined) {
    throw new AppError('UNAVAILABLE', `${missing} is not installed`, { hint: `apt-get install ${missing}` });
  }
  const { files, bytes } = makeTree(join(folder, 'tree'));
  const makeTarget = 'mkdir restored && cd restored';
  const saved = await rounds(
    {
      ours: () => save(folder, signal),
      'tar | zstd -T0': () => shell('tar -c tree | zstd -q -f -T0 -o zst', folder),
      'tar | gzip': () => shell('tar -c tree | gzip > gz', folder),
    },
    folder,
    signal,
  );
  const restored = await rounds(
    {
      ours: (target) => restore(folder, target, signal),
      'tar | zstd -T0': () => shell(`${makeTarget} && zstd -q -d -c ../zst | tar -x`, folder),
      'tar | gzip': () => shell(`${makeTarget} && gzip -d -c ../gz | tar -x`, folder),
    },
    folder,
    signal,
  );
  const mib = (name: string) => lstatSync(join(folder, name)).size / 2 ** 20;
  return {
    name: 'agent-cache',
    title: 'Caches: saving and restoring a tree',
    method: `${files} files of ${Math.round(bytes / 2 ** 20)} MiB, the project's dependencies and generated sources; ${ROUNDS} rounds in which each way has its turn, another one first each time; shares are taken within a round and their median is shown, since other work on the machine slows all three. Ours runs from its sources in a process that is warm, to and from a file, with its hash verified and the folder exchanged at the end; the programs write and read the same disk, without a hash.`,
    bounds:
      'compression for saving, and for small files the thread that reads them; the file system, one system call after another, for restoring.',
    rows: [
      ...rows('save', saved, 0.2),
      ...rows('restore', restored, 0.333),
      rowOf('size of the archive, ours', 'MiB', [mib('ours')]),
      rowOf('size of the archive, tar | zstd -T0', 'MiB', [mib('zst')]),
      rowOf('size of the archive, tar | gzip', 'MiB', [mib('gz')]),
    ],
  };
}
