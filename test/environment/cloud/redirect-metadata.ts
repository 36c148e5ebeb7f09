import { redirectMetadata } from './metadata-service.ts';

/**
 * Loaded into the operator's process before the operator (`node --import`), because the metadata service cannot be reached on a
 * machine that is not an ECS instance.
 */
redirectMetadata(() => Number(process.env['TEST_METADATA_PORT']));
