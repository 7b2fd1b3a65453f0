import { create } from '@bufbuild/protobuf';
import { z } from 'zod';
import { durationType } from '../../lib/config-types.ts';
import type { Environment } from '../../platform/environment.ts';
import {
  type Isolation,
  Isolation_Tart_VolumeSchema,
  Isolation_TartSchema,
  Isolation_Vetu_HostSchema,
  Isolation_VetuSchema,
  IsolationSchema,
  type StandbyInstanceParameters,
  StandbyInstanceParametersSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { secretText } from './secret-text.ts';
import { amounts, flag, memory, nonEmptyText, scalarText, whole } from './values.ts';

const MAX_UINT16 = 65_535;
const MAX_UINT32 = 4_294_967_295;

/** Login of the images that exist; specification of the worker, section 9.1. */
const LOGIN = 'admin';

function commonKeys(env: Environment | undefined) {
  return {
    image: nonEmptyText,
    user: scalarText.optional(),
    password: secretText(env).optional(),
    port: whole(MAX_UINT16).optional(),
    cpu: whole(MAX_UINT32).optional(),
    memory: memory.optional(),
  };
}

const tartVolume = z.strictObject({
  name: scalarText.optional(),
  source: nonEmptyText,
  target: scalarText.optional(),
  readonly: flag.optional(),
});

function tartSchema(env: Environment | undefined) {
  const keys = { ...commonKeys(env), softnet: flag.optional(), display: scalarText.optional() };
  return z.strictObject({ ...keys, volumes: z.array(tartVolume, { error: 'expected a list of volumes' }).optional() });
}

function vetuSchema(env: Environment | undefined) {
  const networking = z.strictObject({ host: z.strictObject({}).nullish() });
  return z.strictObject({
    ...commonKeys(env),
    networking: networking.optional(),
    disk_size: whole(MAX_UINT16).optional(),
  });
}

type Tart = z.output<ReturnType<typeof tartSchema>>;
type Vetu = z.output<ReturnType<typeof vetuSchema>>;

function loginOf({ image, user, password, port, cpu, memory: mebibytes }: Tart | Vetu) {
  const login = { user: user ?? LOGIN, password: password?.reveal() ?? LOGIN };
  return { image, ...login, port: port ?? 0, cpu: cpu ?? 0, memory: mebibytes ?? 0 };
}

function tartIsolation(tart: Tart): Isolation {
  const volumes = (tart.volumes ?? []).map(({ name = '', source, target = '', readonly = false }) =>
    create(Isolation_Tart_VolumeSchema, { name, source, target, readOnly: readonly }),
  );
  const own = { softnet: tart.softnet ?? false, display: tart.display ?? '', volumes };
  return create(IsolationSchema, {
    type: { case: 'tart', value: create(Isolation_TartSchema, { ...loginOf(tart), ...own }) },
  });
}

function vetuIsolation(vetu: Vetu): Isolation {
  const value = create(Isolation_VetuSchema, { ...loginOf(vetu), diskSize: vetu.disk_size ?? 0 });
  if (vetu.networking !== undefined) value.networking = { case: 'host', value: create(Isolation_Vetu_HostSchema) };
  return create(IsolationSchema, { type: { case: 'vetu', value } });
}

/** `standby:`, with `isolation: {tart: …}` or, as the documentation of the old worker has it, `tart: …` directly. */
export function standbySchema(env: Environment | undefined) {
  const kinds = { tart: tartSchema(env).optional(), vetu: vetuSchema(env).optional() };
  const warmup = z.strictObject({ script: scalarText.nullish(), timeout: durationType.optional() });
  return z
    .strictObject({
      isolation: z.strictObject(kinds).optional(),
      ...kinds,
      resources: amounts.nullish(),
      warmup: warmup.nullish(),
    })
    .transform((standby, context): StandbyInstanceParameters => {
      const found = [standby, standby.isolation ?? {}].flatMap(({ tart, vetu }) => [
        ...(tart === undefined ? [] : [tartIsolation(tart)]),
        ...(vetu === undefined ? [] : [vetuIsolation(vetu)]),
      ]);
      const message = 'expected one machine: isolation with tart or vetu';
      if (found.length !== 1) context.addIssue({ code: 'custom', message });
      const seconds = BigInt(Math.floor((standby.warmup?.timeout ?? 0) / 1_000));
      return create(StandbyInstanceParametersSchema, {
        ...(found[0] === undefined ? {} : { isolation: found[0] }),
        resources: { ...standby.resources },
        ...(standby.warmup?.script ? { warmup: { script: standby.warmup.script, timeoutSeconds: seconds } } : {}),
      });
    });
}
