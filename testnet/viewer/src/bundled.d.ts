/** A worker's whole script as a text: see scripts/build.mjs. */
declare module '*.worker?bundle' {
  const source: string;
  export default source;
}
