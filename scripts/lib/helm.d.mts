export const HELM_VERSIONS: readonly { readonly version: string; readonly module: string }[];
export function helmFolder(version: string): string;
export function installHelm(): Promise<void>;
