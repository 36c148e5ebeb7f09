import { redirectMetadata } from './metadata-service.ts';

/**
 * Loaded into the operator's process ahead of it (`node --import`): on a machine that is no ECS instance, the address of
 * the metadata service leads nowhere.
 */
redirectMetadata(() => Number(process.env['TEST_METADATA_PORT']));
