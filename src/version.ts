declare const VSGB_VERSION: string | undefined;

/** Put in by the build; sources that run unbundled have none. */
export const version = typeof VSGB_VERSION === 'string' ? VSGB_VERSION : 'dev';
