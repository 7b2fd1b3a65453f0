/** Instance fields that the language knows besides `persistent_worker`. None of them can run here. */
export const CONTAINER_INSTANCES = ['container', 'arm_container', 'windows_container', 'macos_instance'] as const;

/** Instance fields that the hosted service declared from outside: known by name, their contents are not checked. */
export const CLOUD_INSTANCES = [
  'osx_instance',
  'docker_instance',
  'gce_instance',
  'compute_engine_instance',
  'gke_container',
  'ec2_instance',
  'eks_container',
  'azure_container_instance',
  'oracle_cloud_instance',
  'freebsd_instance',
  'oci_instance',
] as const;

/** Fields of the hosted service that change nothing here. */
export const IDLE_FIELDS = ['skip_notifications', 'use_compute_credits', 'experimental'] as const;

/** Fields that only the hosted service understood, and that a hub does now; some of them are idle. */
export const SERVICE_FIELDS = [
  'stateful',
  'trigger_type',
  'execution_lock',
  'required_pr_labels',
  'auto_cancellation',
  ...IDLE_FIELDS,
] as const;

/** Fields that every unit takes from the root as well as from itself; both are merged. In order of evaluation. */
const COMMON_FIELDS = ['skip', 'allow_failures', 'timeout_in', ...SERVICE_FIELDS, 'only_if'] as const;

/** Variables, instances, then the rest: what a task inherits, in order of evaluation. */
export const INHERITABLE_FIELDS: readonly string[] = [
  'environment',
  'env',
  ...CONTAINER_INSTANCES,
  'persistent_worker',
  ...CLOUD_INSTANCES,
  ...COMMON_FIELDS,
];

/** The same for pipes and builders, which bring their own instance. */
export const INHERITABLE_WITHOUT_INSTANCE: readonly string[] = ['environment', 'env', ...COMMON_FIELDS];

/** Root and task keys of the hosted service that are not even properties. */
export const IGNORED_FIELDS = ['registry_config'] as const;

/** Fields that may be written several times in one task, each occurrence counting. */
export const REPEATABLE_FIELDS: readonly string[] = [
  'upload_caches',
  'always',
  'on_success',
  'on_failure',
  'on_timeout',
];
