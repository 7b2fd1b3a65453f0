import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { EncryptedValue } from '../../cirrus-yml/encrypted-values.ts';
import type { Problem } from '../../cirrus-yml/problem.ts';
import { PersistentWorkerInstanceSchema, type Task } from '../../rpc/gen/cirrus_ci_service_pb.ts';

/** Secret with which tasks, and the hub itself, clone a private repository. */
export const CLONE_TOKEN = 'CIRRUS_REPO_CLONE_TOKEN';

const ENCRYPTED = /^ENCRYPTED\[.*\]$/s;

export function isEncrypted(text: string): boolean {
  return ENCRYPTED.test(text);
}

/** Secrets that the variables of these tasks name. */
export function secretsNamedBy(tasks: readonly Pick<Task, 'environment'>[]): string[] {
  return [...new Set(tasks.flatMap(({ environment }) => Object.values(environment).filter(isEncrypted)))];
}

/** Every text of a message, however deep. */
function* textsOf(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const item of Object.values(value)) yield* textsOf(item);
  }
}

/** Encrypted texts of where and how tasks run, which nothing puts a value in the place of. */
function namedElsewhere(tasks: readonly Task[]): string[] {
  return tasks.flatMap(({ instance, commands }) => {
    const place = instance === undefined ? undefined : anyUnpack(instance, PersistentWorkerInstanceSchema);
    return [...textsOf(place), ...textsOf(commands)].filter(isEncrypted);
  });
}

/** What stands in the way of a build: each place of a secret that has no value here. `mapped` are those that have one. */
export function unmappedProblems(
  tasks: readonly Task[],
  written: readonly EncryptedValue[],
  mapped: ReadonlySet<string>,
): Problem[] {
  const missing = new Set(secretsNamedBy(tasks).filter((name) => !mapped.has(name)));
  const misplaced = new Set(namedElsewhere(tasks));
  const problemOf = ({ text, line, column }: EncryptedValue): Problem | undefined => {
    if (missing.has(text)) {
      const hint = `give its value to this hub: pwagent secrets map '${text}' < FILE`;
      return { severity: 'error', line, column, message: 'this encrypted value is not mapped on this hub', hint };
    }
    if (!misplaced.has(text)) return undefined;
    const hint = 'name it in env and use the variable';
    return { severity: 'error', line, column, message: 'an encrypted value can stand in env alone', hint };
  };
  return written.flatMap((value) => problemOf(value) ?? []);
}
