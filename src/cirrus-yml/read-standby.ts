import { create } from '@bufbuild/protobuf';
import { parseDuration } from '../lib/duration.ts';
import { AppError } from '../lib/errors.ts';
import {
  type StandbyInstanceParameters,
  type StandbyInstanceParameters_Warmup,
  StandbyInstanceParameters_WarmupSchema,
  StandbyInstanceParametersSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';
import { LIMITS } from './limits.ts';
import type { Problem } from './problem.ts';
import { ISOLATION_SCHEMA, isolation } from './task/isolation.ts';
import { type FieldTable, field, fieldsOf, type Reader, reader, readFields, reportKind } from './task/reader.ts';
import { objectSchema, TEXT } from './task/schemas.ts';
import { rawText } from './task/texts.ts';
import { amounts } from './task/values.ts';
import { createVariables } from './variables.ts';
import { buildTree } from './yaml/build-tree.ts';
import { isEmptyDocument, lexDocument } from './yaml/lex-document.ts';
import { describeNode } from './yaml/node.ts';

const MS_PER_SECOND = 1000;

/** Whole seconds out of a duration with units; what is left of a second is cut off. */
const seconds: Reader<bigint> = reader(TEXT, (entry, scope) => {
  try {
    return BigInt(Math.floor(parseDuration(rawText(entry, scope) ?? '0') / MS_PER_SECOND));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    scope.report.error(entry.at, `${entry.key}: ${error.message}`, error.hint);
    return undefined;
  }
});

const warmup = fieldsOf<StandbyInstanceParameters_Warmup>();

const WARMUP: FieldTable<StandbyInstanceParameters_Warmup> = {
  script: warmup('script', rawText),
  timeout: warmup('timeoutSeconds', seconds),
};

const standby = fieldsOf<StandbyInstanceParameters>();

const STANDBY: FieldTable<StandbyInstanceParameters> = {
  isolation: field(ISOLATION_SCHEMA, (entry, scope, target) => {
    const message = isolation(entry, scope)?.message;
    if (message === undefined) return;
    if (message.type.case === 'tart' || message.type.case === 'vetu') target.isolation = message;
    else scope.report.error(entry.at, 'only Tart and Vetu machines can stand by', 'write isolation: {tart: …}');
  }),
  resources: standby('resources', amounts),
  warmup: field(objectSchema(WARMUP), (entry, scope, target) => {
    if (entry.value.kind !== 'map') return reportKind(entry, 'a map', scope);
    target.warmup = readFields(entry.value, WARMUP, '"warmup"', scope, create(StandbyInstanceParameters_WarmupSchema));
  }),
};

/**
 * Reads the one piece of this language that stands in a worker's own file: which machine to keep ready. Nothing is
 * expanded in it. Never throws; `parameters` is undefined when any problem is an error.
 */
export function readStandby(text: string): {
  readonly parameters: StandbyInstanceParameters | undefined;
  readonly problems: readonly Problem[];
} {
  const { document, report } = lexDocument(text);
  const root = document === undefined || isEmptyDocument(document) ? undefined : buildTree(document, text, report).root;
  const target = create(StandbyInstanceParametersSchema);
  if (root?.kind === 'map') {
    const variables = createVariables({}, { steps: LIMITS.expansionSteps });
    const scope = { report, variables, affectedFiles: [], patternBudget: { steps: LIMITS.patternWork } };
    readFields(root, STANDBY, 'a stand-by machine', scope, target);
  }
  if (!report.hasErrors() && target.isolation === undefined) {
    const found = root === undefined || root.kind === 'map' ? 'has no isolation' : `is ${describeNode(root)}`;
    report.error(root?.at ?? 0, `the stand-by machine ${found}`, 'write isolation: {tart: {image: NAME}}');
  }
  return { parameters: report.hasErrors() ? undefined : target, problems: report.problems() };
}
