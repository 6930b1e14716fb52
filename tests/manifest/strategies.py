"""Random manifests: any value that the schema's types allow, valid or not."""

from hypothesis import strategies as st

from homeport.manifest.schema import (
    AppManifest,
    BuildFunction,
    Entry,
    ImageRecipe,
    ImageStep,
    Resources,
    ScalePolicy,
    SecretRef,
    ServerSpec,
    TreeMount,
    VolumeMount,
)

texts = st.text(max_size=12)
numbers = st.integers(-(2**53), 2**53)
maybe_numbers = st.none() | numbers
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
several = st.lists(texts, max_size=3).map(tuple)

entries = st.builds(Entry, module=texts, qualname=texts, path=st.none() | texts)
secrets = st.builds(SecretRef, secret_id=texts, name=texts, required_keys=several)
volumes = st.builds(VolumeMount, path=texts, volume_id=texts, name=texts, read_only=st.booleans(), sub_path=texts)
steps = st.builds(
    ImageStep,
    method=texts,
    lines=several,
    contexts=several,
    build_args=pairs,
    env=pairs,
    secrets=st.lists(secrets, max_size=1).map(tuple),
    volumes=st.lists(volumes, max_size=1).map(tuple),
    function=st.none() | st.builds(BuildFunction, entry=entries, source=texts, arguments=texts, captured=texts),
    timeout_s=numbers,
    gpu=several,
    force=st.booleans(),
)
images = st.builds(
    ImageRecipe,
    base=texts,
    python_version=texts,
    steps=st.lists(steps, max_size=2).map(tuple),
    reference=texts,
    registry_secret=st.none() | secrets,
    add_python=texts,
    cache=texts,
)
resources = st.builds(
    Resources,
    cpu_milli=numbers,
    memory_mib=numbers,
    cpu_limit_milli=maybe_numbers,
    memory_limit_mib=maybe_numbers,
    gpu=several,
    ephemeral_disk_mib=maybe_numbers,
)
scales = st.builds(
    ScalePolicy,
    target_concurrency_centi=maybe_numbers,
    max_concurrency=maybe_numbers,
    min_containers=maybe_numbers,
    max_containers=maybe_numbers,
    buffer_containers=maybe_numbers,
    scaleup_window_s=maybe_numbers,
    scaledown_window_s=maybe_numbers,
)
servers = st.builds(
    ServerSpec,
    name=texts,
    entry=entries,
    image=images,
    resources=resources,
    scale=scales,
    port=numbers,
    startup_timeout_ms=numbers,
    exit_grace_period_ms=numbers,
    unauthenticated=st.booleans(),
    routing_region=texts,
    compute_region=several,
    cloud=st.none() | texts,
    proxy=st.none() | texts,
    env=pairs,
    secrets=st.lists(secrets, max_size=2).map(tuple),
    volumes=st.lists(volumes, max_size=2).map(tuple),
    mounts=st.lists(st.builds(TreeMount, target=texts, tree=texts), max_size=2).map(tuple),
    image_id=texts,
    experimental_options=pairs,
)
manifests = st.builds(
    AppManifest,
    name=texts,
    servers=st.lists(servers, max_size=3).map(tuple),
    source=texts,
    tags=pairs,
)
