declare const VSGB_VERSION: string | undefined;

/** Set by the build; unbundled sources have none. */
export const version = typeof VSGB_VERSION === 'string' ? VSGB_VERSION : 'dev';
