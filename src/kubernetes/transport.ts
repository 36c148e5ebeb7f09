export { KubeApiError, KubeConnectionError, KubeParseError } from './api-error.ts';
export type * from './transport-types.ts';
