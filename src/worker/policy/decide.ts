import type { Placement } from '../../isolation/placement.ts';
import { wildcardMatches } from '../../lib/wildcard.ts';
import { goArch } from '../../platform/host.ts';
import { realPathOf } from '../../platform/real-path.ts';
import {
  type Isolation,
  type Isolation_Container,
  type Isolation_Parallels,
  type Isolation_Tart,
  Platform,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { decideMounts } from './decide-mounts.ts';
import type { FollowPath } from './match-volume.ts';
import { forbidden, impossible, listed, shown } from './refusal.ts';
import type { ContainerRules, SecurityPolicy, TartRules } from './security-policy.ts';

/** What the policy must know of the machine. */
export interface PolicyHost {
  readonly follow: FollowPath;
  /** Go's name of the architecture. */
  readonly arch: string;
}

export const thisHost: PolicyHost = { follow: realPathOf, arch: goArch() };

const KEY = 'security.allowed-isolations';
const KINDS = ['none', 'container', 'parallels', 'tart', 'vetu'] as const;
type Kind = (typeof KINDS)[number];

/** Tart makes a missing source itself, in a folder that is there; specification of the worker, section 8.3. */
const TART_MAKES = 1;

/** The rules of a kind. Throws when the policy has none, so that nobody can forget to ask. */
function rulesOf<K extends Kind>(policy: SecurityPolicy, kind: K): Exclude<SecurityPolicy[K], false | undefined> {
  const rules = policy[kind];
  if (rules !== false && rules !== undefined) return rules as Exclude<SecurityPolicy[K], false | undefined>;
  const allowed = KINDS.filter((other) => policy[other]);
  throw forbidden(`isolation "${kind}"`, `${KEY} allows ${listed(allowed)}`, `write "${kind}: {}" below ${KEY}`);
}

function checkImage(kind: Kind, image: string, allowed: readonly string[]): void {
  if (image === '') throw impossible(`"${kind}" names no image`);
  if (/^-|\p{Cc}/u.test(image)) throw impossible(`"${shown(image)}" is no name of an image`);
  if (allowed.length === 0 || allowed.some((pattern) => wildcardMatches(pattern, image))) return;
  const key = `${KEY}.${kind}.allowed-images`;
  throw forbidden(`the image ${shown(image)}`, `${key} allows ${listed(allowed)}`, `add it to ${key}`);
}

/** A message without what the policy decides and without what the protocol library adds. */
function parametersOf<Message extends object>(message: Message) {
  const { $typeName, $unknown, volumes, softnet, ...parameters } = message as Message & Record<string, unknown>;
  return parameters as Omit<Message, '$typeName' | '$unknown' | 'volumes' | 'softnet'>;
}

async function placeInContainer(
  message: Isolation_Container,
  rules: ContainerRules,
  { follow }: PolicyHost,
): Promise<Placement> {
  checkImage('container', message.image, rules.allowedImages);
  for (const { target } of message.volumes) {
    if (!target.startsWith('/')) throw impossible(`volume target "${shown(target)}" is no absolute path`);
  }
  const volumes = message.volumes.map(({ source, target, readOnly }) => ({ name: '', source, target, readOnly }));
  const volumeRules = { key: `${KEY}.container.allowed-volumes`, rules: rules.allowedVolumes, mayMake: Infinity };
  const mounts = await decideMounts(volumes, volumeRules, follow);
  return { kind: 'container', parameters: parametersOf(message), mounts };
}

async function placeInTart(message: Isolation_Tart, rules: TartRules, { follow }: PolicyHost): Promise<Placement> {
  checkImage('tart', message.image, rules.allowedImages);
  const volumeRules = { key: `${KEY}.tart.allowed-volumes`, rules: rules.allowedVolumes, mayMake: TART_MAKES };
  const mounts = await decideMounts(message.volumes, volumeRules, follow);
  const softnet = message.softnet || rules.forceSoftnet;
  const softnetAllow = softnet ? rules.softnetAllow : [];
  return { kind: 'tart', parameters: parametersOf(message), mounts, softnet, softnetAllow };
}

function placeInParallels(message: Isolation_Parallels, { arch }: PolicyHost): Placement {
  if (message.platform !== Platform.LINUX && message.platform !== Platform.DARWIN)
    throw impossible('Parallels runs Linux and macOS only', 'write platform: darwin or platform: linux');
  if (arch !== 'amd64') throw impossible(`Parallels needs a host of architecture amd64, this one is ${arch}`);
  return { kind: 'parallels', parameters: parametersOf(message) };
}

/**
 * Whether this worker runs a task, or keeps a machine ready, with that isolation (absent: none), and if so where and
 * with what. Rejects with an `AppError` whose sentence is for the author of the task.
 */
export async function decide(
  policy: SecurityPolicy,
  isolation: Isolation | undefined,
  host: PolicyHost = thisHost,
): Promise<Placement> {
  const type = isolation === undefined ? ({ case: 'none' } as const) : isolation.type;
  switch (type.case) {
    case 'none':
      rulesOf(policy, 'none');
      return { kind: 'none' };
    case 'container':
      return placeInContainer(type.value, rulesOf(policy, 'container'), host);
    case 'tart':
      return placeInTart(type.value, rulesOf(policy, 'tart'), host);
    case 'vetu':
      checkImage('vetu', type.value.image, rulesOf(policy, 'vetu').allowedImages);
      return { kind: 'vetu', parameters: parametersOf(type.value) };
    case 'parallels':
      rulesOf(policy, 'parallels');
      return placeInParallels(type.value, host);
    default:
      throw impossible('its kind is not known to this worker', 'update pwagent, or leave `isolation` out');
  }
}
