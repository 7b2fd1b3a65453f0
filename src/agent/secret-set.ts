import type { Environment } from '../platform/environment.ts';
import { PatternIndex } from './pattern-index.ts';
import { formsOf } from './secret-forms.ts';

/** Names whose values the existing agent hides, by how they end. */
const KNOWN_NAME = /_(?:PASSWORD|SECRET|TOKEN|ACCESS_KEY|SECRET_KEY)$/;

/** Further names that people give to secrets; only values that cannot be a mere switch are hidden for these. */
const LIKELY_NAME =
  /(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|ACCESS_?KEY|SECRET_?KEY|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)$/i;
const LIKELY_MIN_LENGTH = 8;

/** Whether the value of a variable must not be shown, judged by its name. */
export function isSensitive(name: string, value: string): boolean {
  if (value === '') return false;
  return KNOWN_NAME.test(name) || (LIKELY_NAME.test(name) && value.length >= LIKELY_MIN_LENGTH);
}

/** The secrets of a task. Log filters look here each time, so a secret that is learnt late is hidden from then on. */
export class SecretSet {
  readonly #values = new Set<string>();
  readonly #forms = new Set<string>();
  #index: PatternIndex | undefined;

  /** Hides this value from now on. An empty one is ignored. */
  add(secret: string): void {
    if (secret === '' || this.#values.has(secret)) return;
    this.#values.add(secret);
    for (const form of formsOf(secret)) this.#forms.add(form);
    this.#index = undefined;
  }

  /** Hides the values of variables whose names say that they are secret. */
  addByName(environment: Environment): void {
    for (const [name, value] of Object.entries(environment)) if (isSensitive(name, value)) this.add(value);
  }

  /** The secrets as they were added. */
  values(): readonly string[] {
    return [...this.#values];
  }

  get index(): PatternIndex {
    this.#index ??= new PatternIndex([...this.#forms].map((form) => new TextEncoder().encode(form)));
    return this.#index;
  }
}
