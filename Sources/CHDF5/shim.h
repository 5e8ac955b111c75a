// What Swift cannot import from HDF5's header: macros that call functions.
#pragma once
#include <hdf5.h>

static inline hid_t fathom_h5_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t fathom_h5_bytes(void) { return H5T_NATIVE_UINT8; }
static inline hid_t fathom_h5_shorts(void) { return H5T_NATIVE_UINT16; }
static inline hid_t fathom_h5_reference(void) { return H5T_STD_REF_OBJ; }
static const hid_t fathom_h5_default = H5P_DEFAULT;
static const hid_t fathom_h5_everything = H5S_ALL;
static inline void fathom_h5_be_quiet(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }
static inline hid_t fathom_h5_open(const char *path) {
  return H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
}
static inline hid_t fathom_h5_create(const char *path) {
  return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}
