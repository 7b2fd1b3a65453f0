import type { Entry, TextNode } from '../yaml/node.ts';
import type { Instance } from './instance.ts';
import type { CommandList } from './instructions.ts';
import type { Scope } from './scope.ts';
import type { PlacedText } from './texts.ts';

const DEFAULT_TIME_LIMIT_SECONDS = 3600;

/** What a key at the root defines, by its suffix. */
export type UnitKind = 'task' | 'pipe' | 'docker_builder';

export interface ConditionText {
  readonly node: TextNode;
  readonly at: number;
}

/** A task with everything that can be known without looking at the others. */
export interface TaskDraft {
  readonly kind: UnitKind;
  /** Of its key. */
  readonly at: number;
  /** From the key, `lint` for `lint_task`. */
  readonly keyName: string;
  name: string;
  alias: string;
  readonly scope: Scope;
  instance: Instance | undefined;
  /** An instance field of a cloud, whose contents nobody here knows. */
  cloud: Entry | undefined;
  dependsOn: PlacedText[];
  skip: boolean;
  allowFailures: boolean;
  timeLimitSeconds: number;
  onlyIf: ConditionText | undefined;
  skipText: ConditionText | undefined;
  /** Properties that the hosted service declared from outside, such as `trigger_type`. */
  readonly declared: Map<string, string>;
  readonly list: CommandList;
}

export function createDraft(
  { kind, at, keyName }: Pick<TaskDraft, 'kind' | 'at' | 'keyName'>,
  scope: Scope,
  instance: Instance | undefined,
): TaskDraft {
  return {
    kind,
    at,
    keyName,
    name: '',
    alias: '',
    scope,
    instance,
    cloud: undefined,
    dependsOn: [],
    skip: false,
    allowFailures: false,
    timeLimitSeconds: DEFAULT_TIME_LIMIT_SECONDS,
    onlyIf: undefined,
    skipText: undefined,
    declared: new Map(),
    list: { commands: [], uploadsByHand: false, inPipe: kind === 'pipe' },
  };
}
