import { printable } from '../lib/printable.ts';
import { formatSize } from '../lib/size.ts';
import type { Check, DoctorFacts } from './doctor-facts.ts';
import { fileChecks } from './file-checks.ts';
import { PATHS } from './paths.ts';
import { servicesOf } from './services.ts';

function ok(name: string, says: string): Check {
  return { name, verdict: 'ok', says, mend: undefined };
}

function warn(name: string, says: string, mend: string): Check {
  return { name, verdict: 'warn', says, mend };
}

function fail(name: string, says: string, mend: string): Check {
  return { name, verdict: 'fail', says, mend };
}

function checkRoot({ uid }: DoctorFacts): Check {
  return uid === 0
    ? ok('root', 'runs as root')
    : fail('root', 'not root: much cannot be read', 'run sudo pwagent doctor');
}

function checkConfiguration({ config }: DoctorFacts): Check {
  return config.ok
    ? ok('configuration', `${PATHS.config} is right`)
    : fail('configuration', config.problem, `correct ${PATHS.config}, or run pwagent install`);
}

/** Whether the machine can be ended although no metadata service arms the supervisor. */
function namesShutdown({ config }: DoctorFacts): boolean {
  return config.ok && config.value.namesShutdown;
}

function checkMetadata(facts: DoctorFacts): Check {
  const { identity } = facts;
  if (identity.ok) return ok('metadata', `${identity.value.instanceId} in ${identity.value.region}`);
  const mend = 'on EC2: switch the metadata service on (ModifyInstanceMetadataOptions, HttpEndpoint=enabled)';
  return namesShutdown(facts)
    ? warn('metadata', `${identity.problem}; shutdown.command alone ends the machine`, mend)
    : fail(
        'metadata',
        `${identity.problem}: the supervisor is never armed`,
        `${mend}; elsewhere name shutdown.command`,
      );
}

function checkTags({ identity, tag, config }: DoctorFacts): Check {
  const key = config.ok ? config.value.readyTag : 'PWPoolReady';
  if (!identity.ok || tag === undefined) return warn('tags', 'not an EC2 instance, no tags', 'nothing, outside of EC2');
  if (!tag.ok) return fail('tags', tag.problem, 'let the metadata service answer');
  if (!tag.value.present && tag.value.hint !== undefined) {
    const mend = 'run aws ec2 modify-instance-metadata-options --instance-metadata-tags enabled --instance-id';
    return fail('tags', 'instance tags in metadata are off', `${mend} ${identity.value.instanceId}`);
  }
  if (tag.value.present && tag.value.value === 'true') return ok('tags', `${key} is true`);
  const says = tag.value.present ? `${key} is "${printable(tag.value.value, 60)}"` : `the tag ${key} is missing`;
  return warn('tags', `${says}: no tasks are taken`, `set ${key}=true when the machine shall serve`);
}

function checkBehaviour({ identity, behaviour }: DoctorFacts): Check {
  const name = 'shutdown behaviour';
  if (!identity.ok || behaviour === undefined) return warn(name, 'not an EC2 instance', 'nothing, outside of EC2');
  if (!behaviour.ok) {
    const mend = 'let the role ec2:DescribeInstanceAttribute, or look at the launch template yourself';
    return warn(name, `cannot be read: ${behaviour.problem}`, mend);
  }
  if (behaviour.value === 'terminate') return ok(name, 'terminate');
  const mend = 'run aws ec2 modify-instance-attribute --instance-initiated-shutdown-behavior terminate --instance-id';
  return fail(
    name,
    `${behaviour.value}: a shutdown would keep the host occupied`,
    `${mend} ${identity.value.instanceId}`,
  );
}

function checkMarker({ identity, marker }: DoctorFacts): Check {
  if (!identity.ok) return warn('marker', 'not an EC2 instance, nothing to compare', 'nothing, outside of EC2');
  const id = identity.value.instanceId;
  if (marker === undefined) return fail('marker', `${PATHS.marker} is missing: never armed`, 'run pwagent install');
  if (marker === 'any' || marker === id) return ok('marker', marker === 'any' ? 'any instance of this image' : id);
  return fail('marker', `it is that of ${printable(marker, 60)}, not of ${id}`, 'run pwagent install');
}

function checkUser({ user, config }: DoctorFacts): Check {
  if (!user.exists) return fail('user', `there is no user ${user.name}`, 'run pwagent install, which makes it');
  if (user.uid === 0) return warn('user', 'the worker runs as root', 'name an unprivileged worker.user');
  if (config.ok && !config.value.dedicated) {
    return warn(
      'user',
      `${user.name} is not dedicated`,
      'set worker.dedicated: true when it exists for the worker alone',
    );
  }
  return ok('user', `${user.name}, for the worker alone`);
}

function checkServices({ platform, root, loaded, seen, expected }: DoctorFacts): Check[] {
  return servicesOf(platform).map((service) => {
    const name = service.role === 'deadline' ? 'deadline service' : 'supervisor service';
    const there = seen.get(service.file);
    if (there === undefined || there.kind !== 'file') {
      return fail(name, `${service.file} is missing`, 'run pwagent install');
    }
    if (there.sha256 !== expected.get(service.file)) {
      return warn(name, `${service.file} differs from that of this version`, 'run pwagent install');
    }
    if (root !== '/') return ok(name, `${service.file}, staged`);
    if (!loaded[service.role]) return fail(name, `${service.name} is not loaded`, 'run pwagent install');
    return ok(name, `${service.name} is loaded`);
  });
}

function checkDeadlineScript({ seen, expected }: DoctorFacts): Check {
  const there = seen.get(PATHS.deadline);
  if (there?.kind !== 'file') return fail('deadline script', `${PATHS.deadline} is missing`, 'run pwagent install');
  return there.sha256 === expected.get(PATHS.deadline)
    ? ok('deadline script', PATHS.deadline)
    : warn('deadline script', `${PATHS.deadline} was changed`, 'run pwagent install');
}

function checkDisk({ disk }: DoctorFacts): Check {
  if (disk.freeBytes === undefined) return fail('disk', `${disk.path} cannot be looked at`, 'run pwagent install');
  const says = `${formatSize(disk.freeBytes)} free at ${disk.path}`;
  return disk.freeBytes >= disk.minFreeBytes
    ? ok('disk', says)
    : fail('disk', `${says}, less than disk.min-free ${formatSize(disk.minFreeBytes)}`, 'free some space');
}

/** A signature of AWS is refused beyond five minutes. */
const MAX_DRIFT_MS = 60_000;

function checkClock({ driftMs, wallMs }: DoctorFacts): Check {
  const mend = 'switch time synchronisation on (macOS: sudo sntp -sS time.aws.com; Linux: timedatectl set-ntp true)';
  if (driftMs === undefined) {
    const sane = wallMs > Date.UTC(2025, 0, 1);
    return sane ? ok('clock', 'plausible; nothing to compare it with') : fail('clock', 'stands before 2025', mend);
  }
  const seconds = Math.round(driftMs / 1_000);
  return Math.abs(driftMs) <= MAX_DRIFT_MS
    ? ok('clock', `${Math.abs(seconds)} s from the metadata service`)
    : warn('clock', `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the metadata service`, mend);
}

function checkSignature({ signature }: DoctorFacts): Check {
  return signature.ok
    ? ok('signature', signature.value)
    : fail('signature', signature.problem, `run sudo codesign --force -s - ${PATHS.binary}`);
}

function checkHub({ hub }: DoctorFacts): Check {
  if (hub === undefined) return ok('hub', 'the worker is a command of its own');
  if (hub.problem === undefined) return ok('hub', `${hub.address} takes connections`);
  return fail('hub', `${hub.address}: ${hub.problem}`, `correct rpc.endpoint in ${PATHS.worker}, or start the hub`);
}

/** A staged folder is not this machine: nobody to ask, nothing that runs. */
function judgeStaged(facts: DoctorFacts): readonly Check[] {
  return [
    checkConfiguration(facts),
    ...fileChecks(facts),
    checkDeadlineScript(facts),
    ...checkServices(facts),
    checkSignature(facts),
  ];
}

/** Every precondition of a machine, in the order in which to mend them. Pure. */
export function judge(facts: DoctorFacts): readonly Check[] {
  if (facts.root !== '/') return judgeStaged(facts);
  return [
    checkRoot(facts),
    checkConfiguration(facts),
    checkMetadata(facts),
    checkTags(facts),
    checkBehaviour(facts),
    checkMarker(facts),
    checkUser(facts),
    ...fileChecks(facts),
    checkDeadlineScript(facts),
    ...checkServices(facts),
    checkDisk(facts),
    checkClock(facts),
    checkSignature(facts),
    checkHub(facts),
  ];
}
