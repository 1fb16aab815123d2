/** Set by tools/build.mjs. */
declare const BUILD_COMMIT: string | undefined;

/** The commit that this was built from; null from a checkout. */
export const buildCommit: string | null = typeof BUILD_COMMIT === 'undefined' ? null : BUILD_COMMIT;
