import { stringify } from 'yaml';
import type { Isolation, StandbyInstanceParameters } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { SecurityPolicy, VolumeRule } from '../policy/security-policy.ts';
import type { WorkerOptions } from './options.ts';

const MASK = '***';

/** An exact duration as the file would say it: `1h30m`, `1s500ms`. */
export function durationText(ms: number): string {
  const units = [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ] as const;
  let rest = ms;
  const parts = units.map(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}

function rulesOf(rules: readonly VolumeRule[]) {
  return rules.map(({ source, forceReadonly }) => ({ source, 'force-readonly': forceReadonly }));
}

function policyKeys({ none, container, parallels, tart, vetu }: SecurityPolicy) {
  const volumesOf = (rules: readonly VolumeRule[] | undefined) =>
    rules === undefined ? {} : { 'allowed-volumes': rulesOf(rules) };
  return {
    ...(none ? { none: {} } : {}),
    ...(container === undefined
      ? {}
      : { container: { 'allowed-images': container.allowedImages, ...volumesOf(container.allowedVolumes) } }),
    ...(parallels ? { parallels: {} } : {}),
    ...(tart === undefined
      ? {}
      : {
          tart: {
            ...{ 'allowed-images': tart.allowedImages, ...volumesOf(tart.allowedVolumes) },
            ...{ 'force-softnet': tart.forceSoftnet, 'softnet-allow': tart.softnetAllow },
          },
        }),
    ...(vetu === undefined ? {} : { vetu: { 'allowed-images': vetu.allowedImages } }),
  };
}

function machineKeys({ type }: Isolation): object {
  if (type.case === 'tart') {
    const { image, user, port, cpu, memory, softnet, display, volumes } = type.value;
    const shares = volumes.map(({ name, source, target, readOnly }) => ({ name, source, target, readonly: readOnly }));
    return {
      tart: { image, user, password: MASK, port, cpu, memory: `${memory}mb`, softnet, display, volumes: shares },
    };
  }
  if (type.case !== 'vetu') return {};
  const { image, user, port, cpu, memory, diskSize, networking } = type.value;
  const network = networking.case === undefined ? {} : { networking: { [networking.case]: {} } };
  return { vetu: { image, user, password: MASK, port, cpu, memory: `${memory}mb`, disk_size: diskSize, ...network } };
}

function standbyKeys({ isolation, resources, warmup }: StandbyInstanceParameters) {
  const timeout = warmup === undefined ? undefined : `${warmup.timeoutSeconds}s`;
  return {
    isolation: isolation === undefined ? {} : machineKeys(isolation),
    resources,
    ...(warmup === undefined ? {} : { warmup: { script: warmup.script, timeout } }),
  };
}

/** One server as `token` and `rpc`, several as `upstreams`. */
function upstreamKeys([first, ...more]: WorkerOptions['upstreams'], hasToken: boolean) {
  if (more.length === 0) return { ...(hasToken ? { token: MASK } : {}), rpc: { endpoint: first.endpoint.text } };
  return { upstreams: [first, ...more].map(({ endpoint }) => ({ token: MASK, endpoint: endpoint.text })) };
}

function logKeys({ level, file, rotateSizeBytes, maxRotations }: WorkerOptions['log']) {
  const rotation = rotateSizeBytes === undefined ? {} : { 'rotate-size': rotateSizeBytes };
  return { level, ...(file === undefined ? {} : { file }), ...rotation, 'max-rotations': maxRotations };
}

/** A configuration with every default, as a file would say it, secrets masked. Without `hasToken` there is none yet. */
export function showOptions(options: WorkerOptions, hasToken = true): string {
  const { name, labels, resources, upstreams, log, security, standby, tartPrePull, resourceModifiers, tuning } =
    options;
  const prePull = tartPrePull && {
    images: tartPrePull.images,
    'check-interval': durationText(tartPrePull.checkIntervalMs),
    jitter: durationText(tartPrePull.jitterMs),
  };
  return stringify({
    ...{ name, ...upstreamKeys(upstreams, hasToken), labels, resources, log: logKeys(log) },
    security: { 'allowed-isolations': policyKeys(security) },
    ...(standby === undefined ? {} : { standby: standbyKeys(standby) }),
    ...(prePull === undefined ? {} : { 'tart-pre-pull': prePull }),
    ...(resourceModifiers.length === 0 ? {} : { 'resource-modifiers': resourceModifiers }),
    ...(tuning.vetu.mtu === undefined ? {} : { tuning }),
  });
}
