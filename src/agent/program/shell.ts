import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { randomToken } from '../../platform/random.ts';
import { splitWords } from '../words.ts';

/** How the lines of a script are run. */
export type Shell =
  /** A script file, given to these words. */
  | { readonly tag: 'file'; readonly words: readonly string[] }
  /** Each line is a program with arguments, without a shell. */
  | { readonly tag: 'direct' };

/** `CIRRUS_SHELL`, else bash where `findProgram` finds it, else `/bin/sh`. Throws `AppError` for an unusable setting. */
export function chooseShell(setting: string | undefined, findProgram: (name: string) => string | null): Shell {
  if (setting === 'direct') return { tag: 'direct' };
  if (setting === undefined) return { tag: 'file', words: [findProgram('bash') ?? '/bin/sh'] };
  const words = splitWords(setting);
  if (words.length > 0) return { tag: 'file', words };
  throw new AppError('CONFIG', 'CIRRUS_SHELL is empty', { hint: 'name a shell, or leave the variable out' });
}

/**
 * Lines as a shell can read them: Windows line ends, which it would take for part of a command, go with a remark. Throws
 * `AppError` for a NUL byte, at which shells stop reading or guess at something else than a script.
 */
export function cleanLines(lines: readonly string[]): { readonly clean: readonly string[]; readonly remark?: string } {
  const broken = lines.findIndex((line) => line.includes('\0'));
  if (broken >= 0) {
    const hint = 'scripts are text: look at the file that the configuration was made from';
    throw new AppError('CONFIG', `line ${broken + 1} of the script holds a NUL byte`, { hint });
  }
  const clean = lines.map((line) => line.replace(/\r(?=\n|$)/g, ''));
  const changed = clean.some((line, index) => line.length !== lines[index]?.length);
  return changed
    ? { clean, remark: 'The script has Windows line ends (CRLF); they were read as plain ones.' }
    : { clean };
}

/**
 * The script file: stop at the first failing line, in pipes too where the shell can, and show lines as they are read.
 * Whether it can is tried in a shell of its own, since some end at once over an option that they do not know.
 */
export function scriptText(shell: readonly string[], lines: readonly string[]): string {
  const preamble = [
    `#!${shell.join(' ')}`,
    'set -e',
    'if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi',
    'set -o verbose',
  ];
  return `${[...preamble, ...lines].join('\n')}\n`;
}

/** Writes the script file into the private folder of the task, and gives the command line that runs it. */
export async function prepareScript(
  shell: Shell & { tag: 'file' },
  lines: readonly string[],
  temporary: string,
): Promise<string[]> {
  const path = join(temporary, `script-${randomToken(8)}.sh`);
  await writeFile(path, scriptText(shell.words, lines), { mode: 0o700, flag: 'wx' });
  return [...shell.words, path];
}

/** What a script sees: the agent's own environment, the task's on top, and `SHELL` as the task chose its shell. */
export function scriptEnvironment(process: Environment, task: Environment): Environment {
  const shell = task.CIRRUS_SHELL;
  const follows = shell !== undefined && shell !== '' && task.SHELL === undefined && process.SHELL !== undefined;
  return { ...process, ...task, ...(follows ? { SHELL: shell } : {}) };
}
