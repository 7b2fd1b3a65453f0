import { AppError, describeError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { type BoxedValue, parseBoxed, select } from './boxed-value.ts';
import type { VaultClient } from './vault-client.ts';

/** Answers of a Vault, failures included, by path and arguments. */
class Answers {
  readonly #known = new Map<string, Promise<unknown>>();

  constructor(private readonly client: VaultClient) {}

  async of({ path, selector, args, cached }: BoxedValue, signal: AbortSignal): Promise<string> {
    const key = JSON.stringify([path, args]);
    let answer = cached ? this.#known.get(key) : undefined;
    if (answer === undefined) {
      answer = this.client.read(path, args, signal);
      answer.catch(() => {}); // whoever waits for it hears of it
      this.#known.set(key, answer);
    }
    return select(await answer, selector);
  }
}

/**
 * Gets the values of variables that are boxed in a Vault, one after the other. `trial` is the expanded environment;
 * `connect` is called when there is a boxed one. Rejects with an `AppError` that names the variable.
 */
export async function unboxVariables(
  trial: Environment,
  connect: () => VaultClient,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const unboxed: Record<string, string> = {};
  let answers: Answers | undefined;
  for (const [name, value] of Object.entries(trial)) {
    try {
      const boxed = parseBoxed(value);
      if (boxed === undefined) continue;
      answers ??= new Answers(connect());
      unboxed[name] = await answers.of(boxed, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (!(cause instanceof AppError)) throw cause;
      throw new AppError('CONFIG', `variable ${name}: ${describeError(cause)}`, { cause });
    }
  }
  return unboxed;
}
