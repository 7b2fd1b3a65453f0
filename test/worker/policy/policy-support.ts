import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Placement } from '../../../src/isolation/placement.ts';
import { AppError, describeError } from '../../../src/lib/errors.ts';
import {
  type Isolation,
  Isolation_ContainerSchema,
  Isolation_NoneSchema,
  Isolation_ParallelsSchema,
  Isolation_TartSchema,
  Isolation_VetuSchema,
  IsolationSchema,
  type Platform,
} from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';
import { decide, type PolicyHost } from '../../../src/worker/policy/decide.ts';
import { DEFAULT_POLICY, type SecurityPolicy } from '../../../src/worker/policy/security-policy.ts';
import { followIn, treeOf } from './memory-tree.ts';

/** The policy of a `worker.yml` with these lines below `security:`; none: the default. */
export function policyOf(security: string | undefined): SecurityPolicy {
  if (security === undefined) return DEFAULT_POLICY;
  return parseWorkerFile(`security: ${security}`, 'w.yml', {}).security ?? DEFAULT_POLICY;
}

export const none = (): Isolation =>
  create(IsolationSchema, { type: { case: 'none', value: create(Isolation_NoneSchema) } });

export const container = (init: MessageInitShape<typeof Isolation_ContainerSchema> = {}): Isolation =>
  create(IsolationSchema, {
    type: { case: 'container', value: create(Isolation_ContainerSchema, { image: 'debian:latest', ...init }) },
  });

export const tart = (init: MessageInitShape<typeof Isolation_TartSchema> = {}): Isolation =>
  create(IsolationSchema, { type: { case: 'tart', value: create(Isolation_TartSchema, { image: 'macos', ...init }) } });

export const vetu = (image = 'ubuntu'): Isolation =>
  create(IsolationSchema, { type: { case: 'vetu', value: create(Isolation_VetuSchema, { image }) } });

export const parallels = (platform: Platform): Isolation =>
  create(IsolationSchema, { type: { case: 'parallels', value: create(Isolation_ParallelsSchema, { platform }) } });

export function hostOf(
  tree: Readonly<Record<string, string>>,
  options: { foldsCase?: boolean; arch?: string } = {},
): PolicyHost {
  return { follow: followIn(treeOf(tree), options), arch: options.arch ?? 'amd64' };
}

/** What became of it: the placement, or the sentence of the refusal. */
export async function outcome(
  policy: SecurityPolicy,
  isolation: Isolation | undefined,
  host: PolicyHost,
): Promise<Placement | string> {
  try {
    return await decide(policy, isolation, host);
  } catch (error) {
    if (error instanceof AppError) return describeError(error);
    throw error;
  }
}
