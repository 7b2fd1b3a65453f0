/** Instance fields besides `persistent_worker` that such files are known to contain. None of them can run here. */
export const FOREIGN_INSTANCES = [
  'container',
  'arm_container',
  'windows_container',
  'macos_instance',
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

/** Fields of the hosted service that change nothing on persistent workers; accepted with a warning. */
export const SERVICE_FIELDS = [
  'stateful',
  'trigger_type',
  'execution_lock',
  'required_pr_labels',
  'auto_cancellation',
  'skip_notifications',
  'use_compute_credits',
  'experimental',
  'registry_config',
] as const;

/** Fields that a task takes from the root as well as from itself; both are merged. In order of evaluation. */
export const INHERITABLE_FIELDS: readonly string[] = [
  'environment',
  'env',
  ...FOREIGN_INSTANCES,
  'persistent_worker',
  'skip',
  'allow_failures',
  'timeout_in',
  'only_if',
];

/** Fields that may be written several times in one task, each occurrence counting. */
export const REPEATABLE_FIELDS: readonly string[] = [
  'upload_caches',
  'always',
  'on_success',
  'on_failure',
  'on_timeout',
];
