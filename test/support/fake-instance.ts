/** What the stand-in of the metadata service knows of its instance. Everything may be changed while it runs. */
export interface FakeInstance {
  identity: Record<string, unknown>;
  /** null: "tags in metadata" is off. */
  tags: Record<string, string> | null;
  /** Entries of the list of scheduled events, as EC2 writes them. */
  maintenance: unknown[];
  spot: unknown;
  rebalance: unknown;
  /** null: no role. */
  role: { name: string; accessKeyId: string; secretAccessKey: string; token: string; lifeMs: number } | null;
  /** The whole service is off: 403. */
  disabled: boolean;
}

/** A Mac as EC2 describes it, launched at that time. */
export function fakeInstance(launchedAtMs: number): FakeInstance {
  return {
    identity: {
      accountId: '123456789012',
      architecture: 'arm64',
      availabilityZone: 'eu-central-1a',
      billingProducts: null,
      imageId: 'ami-0123456789abcdef0',
      instanceId: 'i-0123456789abcdef0',
      instanceType: 'mac2.metal',
      kernelId: null,
      pendingTime: `${new Date(launchedAtMs).toISOString().slice(0, 19)}Z`,
      privateIp: '10.0.0.7',
      region: 'eu-central-1',
      version: '2017-09-30',
    },
    tags: { Name: 'MacM1-7', PWPoolReady: 'true' },
    maintenance: [],
    spot: null,
    rebalance: null,
    role: {
      name: 'pool-machine',
      accessKeyId: 'ASIAEXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      token: 'IQoJb3JpZ2luX2VjEXAMPLE//token==',
      lifeMs: 6 * 3_600_000,
    },
    disabled: false,
  };
}

export interface Item {
  readonly type: 'text/plain' | 'application/json';
  readonly text: string;
}

const plain = (text: string): Item => ({ type: 'text/plain', text });
const json = (value: unknown): Item => ({ type: 'application/json', text: JSON.stringify(value, null, 2) });
const jsonUnlessNull = (value: unknown): Item | undefined => (value === null ? undefined : json(value));

const ROLES = '/latest/meta-data/iam/security-credentials/';
const TAGS = '/latest/meta-data/tags/instance';

function tagOf({ tags }: FakeInstance, path: string): Item | undefined {
  if (tags === null) return undefined;
  if (path === TAGS || path === `${TAGS}/`) return plain(Object.keys(tags).join('\n'));
  const key = path.slice(TAGS.length + 1);
  const value = Object.hasOwn(tags, key) ? tags[key] : undefined;
  return value === undefined ? undefined : plain(value);
}

function roleOf({ role }: FakeInstance, path: string, nowMs: number): Item | undefined {
  if (role === null) return undefined;
  if (path === ROLES) return plain(role.name);
  if (path !== `${ROLES}${role.name}`) return undefined;
  const second = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  return {
    type: 'text/plain',
    text: JSON.stringify({
      Code: 'Success',
      LastUpdated: second(nowMs),
      Type: 'AWS-HMAC',
      AccessKeyId: role.accessKeyId,
      SecretAccessKey: role.secretAccessKey,
      Token: role.token,
      Expiration: second(nowMs + role.lifeMs),
    }),
  };
}

/** The item at a path, or undefined for a 404. `nowMs` is the time by the service's clock. */
export function itemAt(instance: FakeInstance, path: string, nowMs: number): Item | undefined {
  if (path.startsWith(TAGS)) return tagOf(instance, path);
  if (path.startsWith(ROLES)) return roleOf(instance, path, nowMs);
  switch (path) {
    case '/latest/dynamic/instance-identity/document':
      return { type: 'text/plain', text: JSON.stringify(instance.identity, null, 2) };
    case '/latest/meta-data/instance-id':
      return plain(String(instance.identity.instanceId));
    case '/latest/meta-data/events/maintenance/scheduled':
      return json(instance.maintenance);
    case '/latest/meta-data/spot/instance-action':
      return jsonUnlessNull(instance.spot);
    case '/latest/meta-data/events/recommendations/rebalance':
      return jsonUnlessNull(instance.rebalance);
    default:
      return undefined;
  }
}
