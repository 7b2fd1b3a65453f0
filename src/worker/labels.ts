import { goArch, goOs, hostName } from '../platform/host.ts';

/** Labels that the worker fills in by itself; specification of the worker, section 4. */
export const RESERVED_LABELS = ['name', 'version', 'hostname', 'os', 'arch'] as const;

/** The reserved label that `labels` would replace, if any: a task for `os: linux` must not land on a Mac. */
export function reservedLabelProblem(
  labels: Readonly<Record<string, string>>,
): { label: string; hint: string } | undefined {
  const label = RESERVED_LABELS.find((key) => Object.hasOwn(labels, key));
  if (label === undefined) return undefined;
  return {
    label,
    hint:
      label === 'name'
        ? 'set the name with --name or the key "name"'
        : 'the worker sets it by itself; use another label',
  };
}

/** How a worker is known beside its name. */
interface Kind {
  /** Tells it from others of its name; undefined where that cannot be known. */
  readonly instanceId: string | undefined;
  /** It takes one task, and then leaves for good. */
  readonly ephemeral: boolean;
}

/**
 * All labels of a worker: the reserved ones and the user's. `version` is `<version>-<commit>`. By `instance-id` a hub
 * sees that a worker which was restarted is the one that had its name before; the user's own wins. By `ephemeral` it
 * gives it no second task, and forgets it after the first.
 */
export function allLabels(
  name: string,
  build: { version: string; commit: string },
  own: Readonly<Record<string, string>>,
  { instanceId, ephemeral }: Kind,
) {
  const reserved = {
    name,
    version: `${build.version}-${build.commit}`,
    hostname: hostName(),
    os: goOs(),
    arch: goArch(),
    ...(ephemeral ? { ephemeral: 'true' } : {}),
  };
  return { ...(instanceId === undefined ? {} : { 'instance-id': instanceId }), ...own, ...reserved };
}
