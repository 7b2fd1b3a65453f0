import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildEmpty, DIST } from './executable.ts';
import type { Outcome, Row } from './report.ts';

function row(what: string, path: string): Row {
  return { what, unit: 'MiB', value: statSync(path).size / 2 ** 20, spread: null, samples: 1 };
}

export async function binarySize(folder: string): Promise<Outcome> {
  const built = readdirSync(DIST).filter((name) => /^pwagent-[a-z0-9]+-[a-z0-9]+$/.test(name));
  return {
    name: 'binary-size',
    title: 'Size of the executables',
    method: 'file sizes as `bun build.ts` leaves them, page, source map and bytecode included.',
    bounds: 'the runtime, which is all of the first row; our own code with its libraries is the rest.',
    rows: [
      row('an executable that does nothing, for this machine', await buildEmpty(folder)),
      ...built.sort().map((name) => row(name, join(DIST, name))),
    ],
  };
}
