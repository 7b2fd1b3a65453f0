import type { Answer } from '../platform/bounded-request.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import { readNameTag } from '../platform/metadata/name-tag.ts';

/** Who this machine is, as told by its metadata service; all undefined where none answers. */
export interface InstanceNames {
  readonly instanceId: string | undefined;
  readonly region: string | undefined;
  /** The instance's `Name` tag. */
  readonly name: string | undefined;
  /** Why there is no instance id. */
  readonly problem: string | undefined;
}

const NOBODY: InstanceNames = { instanceId: undefined, region: undefined, name: undefined, problem: undefined };

/** Asks the metadata service, once, bounded by its client. Without a service (`undefined`) everything is unknown. */
export async function readInstanceNames(metadata: Metadata | undefined, signal: AbortSignal): Promise<InstanceNames> {
  if (metadata === undefined) return { ...NOBODY, problem: 'metadata.source is none' };
  const identity: Answer<{ instanceId: string; region: string }> = await metadata.identity(signal);
  if (!identity.ok) return { ...NOBODY, problem: identity.problem };
  const { instanceId, region } = identity.value;
  return { instanceId, region, name: await readNameTag(metadata, signal), problem: undefined };
}
