dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl MH_SANITIZER: --enable-sanitizer=address,undefined or =thread.
dnl Sets SANITIZER_CFLAGS, for compiling and linking, and sanitizer, for the
dnl summary; refuses a list that the compiler can't link.
AC_DEFUN([MH_SANITIZER], [
AC_ARG_ENABLE([sanitizer],
  [AS_HELP_STRING([--enable-sanitizer=LIST],
    [build with sanitizers: address,undefined or thread])],
  [sanitizer=$enableval], [sanitizer=no])
SANITIZER_CFLAGS=
AS_IF([test "$sanitizer" = yes], [sanitizer=address,undefined])
AS_IF([test "$sanitizer" != no], [
  SANITIZER_CFLAGS="-fsanitize=$sanitizer -fno-omit-frame-pointer"
  SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-sanitize-recover=all"
  mh_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $SANITIZER_CFLAGS"
  AC_MSG_CHECKING([whether $CC links with -fsanitize=$sanitizer])
  AC_LINK_IFELSE([AC_LANG_PROGRAM()],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$CC can't build with -fsanitize=$sanitizer])])
  dnl gcc warns of fences that its thread sanitizer ignores; we have none that
  dnl a race report depends on.
  CFLAGS="$mh_saved_CFLAGS -Werror -Wno-tsan"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [SANITIZER_CFLAGS="$SANITIZER_CFLAGS -Wno-tsan"])
  CFLAGS=$mh_saved_CFLAGS
])
AC_SUBST([SANITIZER_CFLAGS])
])
