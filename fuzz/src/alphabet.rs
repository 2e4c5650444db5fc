//! How an alphabet is declared: enums that are decoded by derive, encoded to match, and written as Rust.

use arbitrary::Arbitrary;

/// What a program is spelled with: the other direction of `Arbitrary`, and the expression that makes it.
pub trait Letter: for<'a> Arbitrary<'a> {
    /// Appends the bytes that `Arbitrary` turns into this.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// The Rust expression that makes this, given the names of the alphabet.
    fn source(&self) -> String;
}

impl Letter for u8 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(*self);
    }

    fn source(&self) -> String {
        self.to_string()
    }
}

impl Letter for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn source(&self) -> String {
        self.to_string()
    }
}

impl<T: Letter> Letter for Box<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        (**self).encode(bytes);
    }

    fn source(&self) -> String {
        format!("Box::new({})", (**self).source())
    }
}

/// The least number that the derived `Arbitrary` takes for variant `index` of `count`.
pub(crate) fn encode_variant(index: usize, count: usize, bytes: &mut Vec<u8>) {
    let (index, count) = (index as u64, count as u64);
    let number = (index << 32).div_ceil(count);
    let number = u32::try_from(number).expect("the index is less than the count");
    bytes.extend(number.to_le_bytes());
}

/// Enums whose variants have named fields by position.
macro_rules! alphabet {
    ($(
        $(#[$about:meta])*
        $name:ident { $( $(#[$variant_about:meta])* $variant:ident $(($($field:ident: $type:ty),*))? ,)* }
    )*) => {$(
        $(#[$about])*
        #[derive(arbitrary::Arbitrary, Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$variant_about])* $variant $(($($type),*))? ,)*
        }

        impl $crate::alphabet::Letter for $name {
            fn encode(&self, bytes: &mut Vec<u8>) {
                const VARIANTS: &[&str] = &[$(stringify!($variant)),*];
                match self {$(
                    $name::$variant $(($($field),*))? => {
                        let index = VARIANTS.iter().position(|name| *name == stringify!($variant));
                        let index = index.expect("its own name");
                        $crate::alphabet::encode_variant(index, VARIANTS.len(), bytes);
                        $($( $crate::alphabet::Letter::encode($field, bytes); )*)?
                    }
                )*}
            }

            fn source(&self) -> String {
                match self {$(
                    $name::$variant $(($($field),*))? => {
                        let name = concat!(stringify!($name), "::", stringify!($variant));
                        let fields: &[String] =
                            &[$($( $crate::alphabet::Letter::source($field) ),*)?];
                        if fields.is_empty() { name.into() } else { format!("{name}({})", fields.join(", ")) }
                    }
                )*}
            }
        }
    )*};
}

/// Numbers that mean something.
macro_rules! numbers {
    ($( $(#[$about:meta])* $name:ident; )*) => {$(
        $(#[$about])*
        #[derive(arbitrary::Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub u8);

        impl $crate::alphabet::Letter for $name {
            fn encode(&self, bytes: &mut Vec<u8>) {
                bytes.push(self.0);
            }

            fn source(&self) -> String {
                format!("{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

pub(crate) use {alphabet, numbers};
