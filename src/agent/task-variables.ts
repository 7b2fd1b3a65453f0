import { readFile, stat } from 'node:fs/promises';
import type { Environment } from '../platform/environment.ts';
import { MAX_ENVIRONMENT_FILE_BYTES, parseEnvironmentFile } from './environment-file.ts';
import type { SecretSet } from './secret-set.ts';

/** The variables of a task, to which its steps may add. */
export class TaskVariables {
  /** Characters that were read of the files of scripts that still run. */
  readonly #read = new Map<string, number>();

  constructor(
    private variables: Environment,
    private readonly secrets: SecretSet,
  ) {}

  get current(): Environment {
    return this.variables;
  }

  /**
   * Takes over what was written to a `CIRRUS_ENV`, literally: these values are results, not references. `running`: whoever
   * writes it has not ended, so only whole lines count, each once. Resolves with a sentence for each line that was no use.
   */
  async take(path: string, running = false): Promise<readonly string[]> {
    const { size } = await stat(path).catch(() => ({ size: 0 })); // the script may have deleted it
    if (size === 0) return [];
    if (size > MAX_ENVIRONMENT_FILE_BYTES) {
      const first = !this.#read.has(path);
      this.#read.set(path, size);
      return first ? [`$CIRRUS_ENV holds ${size} bytes, more than the allowed 1 MiB; nothing of it was used.`] : [];
    }
    const text = await readFile(path, 'utf8').catch(() => ''); // or taken the right to read it away
    const from = this.#read.get(path) ?? 0;
    const to = running ? text.lastIndexOf('\n') + 1 : text.length;
    this.#read.set(path, to);
    return this.#merge(text.slice(from, to));
  }

  #merge(text: string): readonly string[] {
    const { variables, complaints } = parseEnvironmentFile(text);
    this.variables = { ...this.variables, ...variables };
    const all = this.variables.CIRRUS_ENV_SENSITIVE !== undefined; // C17: also when this very file says so
    if (all) for (const value of Object.values(variables)) this.secrets.add(value);
    else this.secrets.addByName(variables);
    return complaints;
  }
}
